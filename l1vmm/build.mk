# The hypervisor image.
include l1vmm/boot/build.mk

# Plain C that serves hosted programs and tests too.
L1VMM_PLAIN_SRCS := l1vmm/arch/wait.c l1vmm/dev/ioapic.c l1vmm/dev/lapic.c l1vmm/dev/lapic_ipi.c \
	l1vmm/dev/lapic_timer.c l1vmm/dev/pic.c l1vmm/dev/pit.c l1vmm/lib/page_table.c l1vmm/options.c \
	l1vmm/switches.c l1vmm/vmx/controls.c l1vmm/vmx/ept.c l1vmm/vmx/ept_misconfig.c \
	l1vmm/vmx/invalidation.c l1vmm/vmx/tsc.c l1vmm/vmx/vpid.c
PLAIN_SRCS += $(L1VMM_PLAIN_SRCS)

L1VMM_SRCS := $(sort $(wildcard $(addprefix l1vmm/,*.c */*.c */*.S))) $(SHADOW_SRCS) \
	$(NESTING_SRCS) \
	$(TELEMETRY_IMAGE_SRCS)
IMAGES += $(B)/images/l1vmm.elf

$(B)/images/l1vmm.elf: l1vmm/l1vmm.ld $(patsubst %,$(B)/image/%.o,$(basename $(L1VMM_SRCS)))
	@mkdir -p $(@D)
	$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@
