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
		tests/guests/legacy.S
	@mkdir -p $(@D)
	$(Q)$(IMAGE_CC) $(CPPFLAGS) $(IMAGE_CFLAGS) -DCASE=CASE_$(subst -,_,$*) -c $< -o $@

$(LEGACY_IMAGES): $(B)/images/%.elf: bench/guests/image.ld $(B)/image/tests/%.o
	@mkdir -p $(@D)
	$(Q)$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@

# Guests in 64-bit code, on the runtime of the workloads: NAME_SRCS is what else is in NAME.elf.
TEST_GUESTS := apic chipset clock entry-checks moments ring tables vmx xapic
RUNTIME_SRCS := $(filter-out bench/guests/harness/%,$(GUEST_SRCS))
SECOND_SRCS := bench/guests/irq/second.c $(irq_SRCS)

apic_SRCS := $(SECOND_SRCS) tests/guests/apic.c
chipset_SRCS := $(SECOND_SRCS) tests/guests/chipset.c
clock_SRCS := $(SECOND_SRCS) tests/guests/clock.c
# The checks of VM entry against the processor's own.
entry-checks_SRCS := nesting/entry_checks.c nesting/vmcs12.c tests/guests/entry_checks.c \
	tests/unit/entry_edges.c tests/unit/entry_world.c
moments_SRCS := $(SECOND_SRCS) $(sort $(wildcard tests/guests/moments*.c))
ring_SRCS := tests/guests/ring.c telemetry/ring.c telemetry/packet.c
tables_SRCS := bench/guests/memory/probe.c tests/guests/tables.c
vmx_SRCS := $(SECOND_SRCS) l1vmm/arch/below.c $(sort $(wildcard tests/guests/vmx*.c))
xapic_SRCS := tests/guests/xapic.c

TEST_IMAGES := $(TEST_GUESTS:%=$(B)/images/%.elf)

$(TEST_IMAGES): $(B)/images/%.elf: bench/guests/image.ld \
		$$(addprefix $(B)/image/,$$(addsuffix .o,$$(basename $(RUNTIME_SRCS) $$($$*_SRCS))))
	@mkdir -p $(@D)
	$(Q)$(IMAGE_LD) $(IMAGE_LDFLAGS) -T $^ -o $@

# What is not PVH: an ELF32 image, whose header must be near the file's beginning.
$(B)/images/multiboot.elf: tests/guests/multiboot.S
	@mkdir -p $(@D) $(B)/image/tests/guests
	$(Q)$(IMAGE_CC) $(CPPFLAGS) -m32 -c $< -o $(B)/image/tests/guests/multiboot.o
	$(Q)$(IMAGE_LD) -m elf_i386 -static -nostdlib -N -Ttext=0x200000 -e start \
		$(B)/image/tests/guests/multiboot.o -o $@

.PHONY: test-images
test-images: $(LEGACY_IMAGES) $(TEST_IMAGES) $(B)/images/multiboot.elf $(B)/stress-check

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
