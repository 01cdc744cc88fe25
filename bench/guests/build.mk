# Workload images.  A benchmark in a new file of bench/guests/micro/, memory/ or irq/ needs no line here.
GUEST_SRCS := $(sort $(wildcard bench/guests/rt/*.S bench/guests/rt/*.c bench/guests/harness/*.c)) \
	l1vmm/arch/console.c l1vmm/arch/poweroff.c l1vmm/arch/vectors.S l1vmm/boot/start_info.c \
	l1vmm/lib/cmdline.c l1vmm/lib/printf.c l1vmm/lib/string.c telemetry/fee.c
PLAIN_SRCS += l1vmm/lib/cmdline.c l1vmm/lib/printf.c

# Of one image: a second processor, and waiting.
irq_SRCS := l1vmm/arch/ap.c l1vmm/arch/ap_entry.S l1vmm/arch/wait.c

GUESTS := irq memory micro
IMAGES += $(GUESTS:%=$(B)/images/%.elf)

guest_objects = $(addprefix $(B)/image/,$(addsuffix .o,$(basename \
	$(GUEST_SRCS) $($(1)_SRCS) $(sort $(wildcard bench/guests/$(1)/*.S bench/guests/$(1)/*.c)))))

$(GUESTS:%=$(B)/images/%.elf): bench/guests/image.ld $$(call guest_objects,$$(basename $$(@F)))
	@mkdir -p $(@D)
	$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@
