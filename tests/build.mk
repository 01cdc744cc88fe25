# Unit tests (Criterion), their sanitized twins, and system tests.
#
# Every file of tests/unit and tests/system takes part: none can be forgotten.  Libraries that only
# the unit tests need are appended to UNIT_LIBS.

UNIT_SRCS := $(wildcard tests/unit/*.c)
UNIT_ALL_SRCS := $(sort $(UNIT_SRCS) $(PLAIN_SRCS) $(HOST_LIB_SRCS))
UNIT_LIBS += -lcriterion -lsqlite3 -linih -ljansson -lmd -lgsl -lgslcblas -lm

$(B)/unit: $(UNIT_ALL_SRCS:%.c=$(B)/host/%.o)
	@echo "link $@"
	$(Q)$(HOST_CC) -o $@ $^ $(UNIT_LIBS)

$(B)/san/unit: $(UNIT_ALL_SRCS:%.c=$(B)/san/%.o)
	@echo "link $@"
	$(Q)$(HOST_CC) $(SAN_LDFLAGS) -o $@ $^ $(UNIT_LIBS)

.PHONY: unit
unit: $(B)/unit ## run the unit tests
	$<

# Criterion takes a test's word that it passed; only a signal at its end makes a leak count.
.PHONY: san
san: $(B)/san/unit ## run the unit tests under the address and undefined-behaviour sanitizers
	ASAN_OPTIONS=abort_on_error=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 $<

# Guests in 32-bit code, one for each case of legacy.S.
LEGACY_CASES := xsetbv real-mode-fault task-switch eip-wrap tss16-long-mode mwait outs-wrap \
	wide-port device-stack orders no-orders table-stack smap-store pdptes packets
LEGACY_IMAGES := $(LEGACY_CASES:%=$(B)/images/legacy-%.elf)

$(LEGACY_IMAGES:$(B)/images/%.elf=$(B)/image/tests/%.o): $(B)/image/tests/legacy-%.o: \
		tests/system/legacy.S
	@mkdir -p $(@D)
	$(Q)$(IMAGE_CC) $(CPPFLAGS) $(IMAGE_CFLAGS) -DCASE=CASE_$(subst -,_,$*) -c $< -o $@

$(LEGACY_IMAGES): $(B)/images/%.elf: bench/guests/image.ld $(B)/image/tests/%.o
	@mkdir -p $(@D)
	$(Q)$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@

# test_objects SRCS: what a test's image is linked from
test_objects = $(sort $(patsubst %,$(B)/image/%.o,$(basename $(1))))

# The checks of VM entry against the processor's own.
ENTRY_CHECKS_SRCS := $(GUEST_SRCS) nesting/entry_checks.c nesting/vmcs12.c \
	tests/system/entry_checks.c tests/unit/entry_edges.c tests/unit/entry_world.c
ENTRY_CHECKS_IMAGE := $(B)/images/entry-checks.elf

$(ENTRY_CHECKS_IMAGE): bench/guests/image.ld $(call test_objects,$(ENTRY_CHECKS_SRCS))
	@mkdir -p $(@D)
	$(Q)$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@

# Guests in 64-bit code, on the runtime of the workloads.
RUNTIME_SRCS := $(filter-out bench/guests/harness/%,$(GUEST_SRCS))
TABLES_SRCS := $(RUNTIME_SRCS) bench/guests/memory/probe.c l1vmm/lib/cmdline.c tests/system/tables.c
VMX_SRCS := $(RUNTIME_SRCS) l1vmm/arch/below.c l1vmm/lib/cmdline.c tests/guests/vmx.c \
	tests/guests/vmx_apic.c tests/guests/vmx_debug.c tests/guests/vmx_events.c \
	tests/guests/vmx_functions.c tests/guests/vmx_l1.c tests/guests/vmx_hostile.c \
	tests/guests/vmx_memory.c tests/guests/vmx_pair.c tests/guests/vmx_pair_hostile.c \
	tests/guests/vmx_pair_memory.c tests/guests/vmx_paging.c tests/guests/vmx_shadowing.c \
	bench/guests/irq/second.c $(irq_SRCS)
APIC_SRCS := $(RUNTIME_SRCS) $(irq_SRCS) bench/guests/irq/second.c l1vmm/lib/cmdline.c \
	tests/system/apic.c
CHIPSET_SRCS := $(RUNTIME_SRCS) $(irq_SRCS) bench/guests/irq/second.c \
	tests/system/chipset.c
XAPIC_SRCS := $(RUNTIME_SRCS) tests/guests/xapic.c
CLOCK_SRCS := $(RUNTIME_SRCS) $(irq_SRCS) bench/guests/irq/second.c l1vmm/lib/cmdline.c \
	tests/guests/clock.c
MOMENTS_SRCS := $(RUNTIME_SRCS) $(irq_SRCS) bench/guests/irq/second.c l1vmm/lib/cmdline.c tests/guests/moments.c

$(B)/images/tables.elf: bench/guests/image.ld $(call test_objects,$(TABLES_SRCS))
	@mkdir -p $(@D)
	$(Q)$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@

$(B)/images/apic.elf: bench/guests/image.ld $(call test_objects,$(APIC_SRCS))
	@mkdir -p $(@D)
	$(Q)$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@

$(B)/images/xapic.elf: bench/guests/image.ld $(call test_objects,$(XAPIC_SRCS))
	@mkdir -p $(@D)
	$(Q)$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@

$(B)/images/chipset.elf: bench/guests/image.ld $(call test_objects,$(CHIPSET_SRCS))
	@mkdir -p $(@D)
	$(Q)$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@

$(B)/images/clock.elf: bench/guests/image.ld $(call test_objects,$(CLOCK_SRCS))
	@mkdir -p $(@D)
	$(Q)$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@

$(B)/images/moments.elf: bench/guests/image.ld $(call test_objects,$(MOMENTS_SRCS))
	@mkdir -p $(@D)
	$(Q)$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@

$(B)/images/vmx.elf: bench/guests/image.ld $(call test_objects,$(VMX_SRCS))
	@mkdir -p $(@D)
	$(Q)$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@

# Guests of the tests in C, upon the workloads' runtime.
TEST_IMAGES := $(B)/images/ring.elf $(B)/images/tables.elf $(B)/images/apic.elf $(B)/images/xapic.elf \
	$(B)/images/chipset.elf $(B)/images/clock.elf $(B)/images/moments.elf \
	$(B)/images/vmx.elf $(B)/images/multiboot.elf

# What is not PVH: an ELF32 image, whose header must be near the file's beginning.
$(B)/images/multiboot.elf: tests/guests/multiboot.S
	@mkdir -p $(@D) $(B)/image/tests/guests
	$(Q)$(IMAGE_CC) $(CPPFLAGS) -m32 -c $< -o $(B)/image/tests/guests/multiboot.o
	$(Q)$(IMAGE_LD) -m elf_i386 -static -nostdlib -N -Ttext=0x200000 -e start \
		$(B)/image/tests/guests/multiboot.o -o $@

$(B)/images/ring.elf: bench/guests/image.ld $$(call guest_objects,none) \
		$(B)/image/tests/guests/ring.o $(B)/image/telemetry/ring.o \
		$(B)/image/telemetry/packet.o
	@mkdir -p $(@D)
	$(Q)$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@

.PHONY: test-images
test-images: $(LEGACY_IMAGES) $(TEST_IMAGES) $(ENTRY_CHECKS_IMAGE) $(B)/stress-check

.PHONY: system
system: all test-images ## run the system tests: whole stacks, bad input, set-up
	prove --exec bash --timer --jobs $(shell nproc) tests/system/*.t

.PHONY: exhaustive
exhaustive: all test-images ## run what `make test` has no time for: every way, every size, twice
	prove --exec bash --timer --jobs $(shell nproc) tests/exhaustive/*.t

# Slurm's daemons would start with the machine: bootstrap leaves them to those who want them.
.PHONY: slurm-test
slurm-test: all ## run by a real slurm of one node (needs slurm-wlm and munge, else it is skipped)
	prove --exec bash --timer tests/slurm/*.t

.PHONY: reference
reference: $(B)/vmfee ## write docs/reference.md anew, from the definitions
	$< reference >docs/reference.md

# Debian's chromium takes 375 MB: bootstrap leaves it to those who want to see.
.PHONY: page
page: all ## look at the page of a run in a browser (needs chromium)
	@command -v chromium >/dev/null || { echo "page: apt-get install chromium" >&2; exit 1; }
	prove --exec bash --timer tests/browser/*.t

# What guests have seen of their APICs, held against the reference that the unit tests have.
$(B)/stress-check: $(patsubst %.c,$(B)/host/%.o,tests/bench/stress.c tests/unit/lapic_reference.c \
		tests/unit/lapic_replay.c)
	@echo "link $@"
	$(Q)$(HOST_CC) -o $@ $^

$(B)/bench-trace: $(patsubst %.c,$(B)/host/%.o,tests/bench/trace.c $(PLAIN_SRCS) $(HOST_LIB_SRCS))
	@echo "link $@"
	$(Q)$(HOST_CC) -o $@ $^ $(UNIT_LIBS)

# Times are of the processor alone.  The trace takes 64 bytes a record, and goes again.
RECORDS := 100000000

.PHONY: bench-trace
bench-trace: $(B)/bench-trace ## measure how fast traces are read, and babeltrace2 beside it (RECORDS=N)
	@rm -rf $(B)/trace
	@$< write $(B)/trace $(RECORDS)
	@for sink in count sum; do printf '%-12s' $$sink; $< $$sink $(B)/trace; done
	@bash -c 'TIMEFORMAT="babeltrace2 %U s of its own, %S s of the kernel"; \
		time babeltrace2 $(B)/trace -c sink.utils.counter -p step=+0 | \
		grep "Event messages" | tail -n 1'
	@rm -rf $(B)/trace
