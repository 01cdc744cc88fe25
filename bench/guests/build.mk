# Workload images.  A micro-benchmark in a new file of bench/guests/micro/ needs no line here.
GUEST_RT_SRCS := $(sort $(wildcard bench/guests/rt/*.S bench/guests/rt/*.c)) \
	l1vmm/arch/console.c l1vmm/arch/poweroff.c l1vmm/arch/vectors.S l1vmm/boot/start_info.c \
	l1vmm/lib/cmdline.c l1vmm/lib/printf.c l1vmm/lib/string.c
MICRO_SRCS := $(GUEST_RT_SRCS) $(sort $(wildcard bench/guests/micro/*.c)) telemetry/fee.c
PLAIN_SRCS += l1vmm/lib/cmdline.c l1vmm/lib/printf.c
IMAGES += $(B)/images/micro.elf

$(B)/images/micro.elf: bench/guests/image.ld \
		$(patsubst %,$(B)/image/%.o,$(basename $(MICRO_SRCS)))
	@mkdir -p $(@D)
	$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@
