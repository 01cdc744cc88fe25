# l1vmm-launch, which runs stacks on /dev/kvm.  Static, so that it also runs where there is nothing
# else: in the initramfs of a KVM within Bochs.
#
# What needs libbpf and libelf is the launcher's alone.
LAUNCHER_OWN_SRCS := $(addprefix bench/launcher/,libelf.c main.c observe.c programs.c)
LAUNCHER_LIB_SRCS := $(filter-out $(LAUNCHER_OWN_SRCS),$(wildcard bench/launcher/*.c)) \
	l1vmm/arch/ata.c
HOST_LIB_SRCS += $(LAUNCHER_LIB_SRCS)

# libelf is linked with what Debian 13 has it compress with.
LAUNCHER_LIBS := -lbpf -lelf -lz -lzstd

# What bpftool writes is not ours to judge.
OBSERVE_TARGETS := $(patsubst %,$(B)/host/bench/launcher/%.o,observe programs) \
	$(B)/lint/host/bench/launcher/observe.c
$(OBSERVE_TARGETS): $(BPF_SKELETONS)
$(OBSERVE_TARGETS): HOST_CPPFLAGS += -isystem $(B)/bpf

$(B)/l1vmm-launch: $$(patsubst %.c,$(B)/host/%.o,$$(LAUNCHER_OWN_SRCS) bench/err.c \
		$$(LAUNCHER_LIB_SRCS) $$(PLAIN_SRCS))
	@echo "link $@"
	$(Q)$(HOST_CC) -static -o $@ $^ $(LAUNCHER_LIBS)
