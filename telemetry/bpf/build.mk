#BPF programs, each as a header that holds its object and loads it.
BPF_SKELETONS := $(patsubst telemetry/bpf/%.bpf.c,$(B)/bpf/telemetry/bpf/%.skel.h,\
	$(wildcard telemetry/bpf/*.bpf.c))
BPF_CFLAGS := -target bpf -std=gnu11 -O2 -g -ffreestanding -Wall -Wextra -Werror \
	-I/usr/include/$(shell gcc -print-multiarch)

$(B)/bpf/%.bpf.o: %.bpf.c Makefile
	@mkdir -p $(@D)
	@echo "compile $@"
	$(Q)$(IMAGE_CC) $(CPPFLAGS) $(BPF_CFLAGS) -c $< -o $@

# Debian's bpftool lies beside the system's programs.
$(B)/bpf/%.skel.h: $(B)/bpf/%.bpf.o
	@echo "generate $@"
	$(Q)PATH="$$PATH:/usr/sbin:/sbin" bpftool gen skeleton $< name $(notdir $*) >$@

