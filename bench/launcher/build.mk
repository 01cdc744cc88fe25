# l1vmm-launch, which runs stacks on /dev/kvm.  Static, so that it also runs where there is nothing
# else: in the initramfs of a KVM within Bochs.
LAUNCHER_LIB_SRCS := $(filter-out bench/launcher/main.c,$(wildcard bench/launcher/*.c)) \
	l1vmm/arch/ata.c
HOST_LIB_SRCS += $(LAUNCHER_LIB_SRCS)

$(B)/l1vmm-launch: $$(patsubst %.c,$(B)/host/%.o,bench/launcher/main.c bench/err.c \
		$$(LAUNCHER_LIB_SRCS) $$(PLAIN_SRCS))
	@echo "link $@"
	$(Q)$(HOST_CC) -static -o $@ $^
