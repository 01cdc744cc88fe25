# Every command a person types.  `make help` lists them.
#
# Each folder declares what it builds in its own build.mk; this file holds the rules they share:
#   build/image/…  freestanding objects, for the hypervisor, the guests and the boot sector
#   build/host/…   hosted objects, for vmfee and the unit tests
#   build/san/…    the same under the address and undefined-behaviour sanitizers
#
# A folder appends its sources to
#   PLAIN_SRCS     plain C: no hardware, no libc; linked into images and hosted programs alike
#   HOST_LIB_SRCS  hosted, without a main of their own; in vmfee and the unit tests
# and its images to IMAGES.

MAKEFLAGS += --no-builtin-rules --no-print-directory
# Several jobs at once unless the caller says how many.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
# make V=1 prints whole commands.
ifneq ($(V),1)
Q := @
endif
.DELETE_ON_ERROR:
.SECONDEXPANSION:
.DEFAULT_GOAL := help

B := build

# Images are compiled by one fixed compiler, so that instruction counts do not depend on the machine
# they were built on.
IMAGE_CC := clang-19
IMAGE_LD := ld.lld-19
HOST_CC  := gcc

WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wshadow
CPPFLAGS := -I. -MMD -MP
IMAGE_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -mno-red-zone \
	-mgeneral-regs-only -fcf-protection=none -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fomit-frame-pointer '-ffile-prefix-map=$(CURDIR)=.' $(WARN)
IMAGE_LDFLAGS := -m elf_x86_64 -static -nostdlib -z noexecstack -z max-page-size=4096 \
	--build-id=none --fatal-warnings
HOST_CFLAGS := -std=gnu11 -O2 -g -D_GNU_SOURCE $(WARN)
# No warnings: the ordinary build gives them, and GCC gives false ones for instrumented code.
SAN_CFLAGS := -std=gnu11 -O1 -g -D_GNU_SOURCE -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
SAN_LDFLAGS := -fsanitize=address,undefined

include telemetry/build.mk
include telemetry/bpf/build.mk
include shadow/build.mk
include nesting/build.mk
include l1vmm/build.mk
include bench/guests/build.mk
include bench/build.mk
include bench/launcher/build.mk
include tests/build.mk
include tests/lint.mk

$(B)/image/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "compile $@"
	$(Q)$(IMAGE_CC) $(CPPFLAGS) $(IMAGE_CFLAGS) -c $< -o $@

$(B)/image/%.o: %.S Makefile
	@mkdir -p $(@D)
	@echo "compile $@"
	$(Q)$(IMAGE_CC) $(CPPFLAGS) $(IMAGE_CFLAGS) -c $< -o $@

$(B)/host/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "compile $@"
	$(Q)$(HOST_CC) $(CPPFLAGS) $(HOST_CFLAGS) $(HOST_CPPFLAGS) -c $< -o $@

$(B)/san/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "compile $@"
	$(Q)$(HOST_CC) $(CPPFLAGS) $(SAN_CFLAGS) $(HOST_CPPFLAGS) -c $< -o $@

# A source that has gone from where an earlier build found it is no reason to stop.
%.c: ;
%.S: ;
-include $(shell find $(B) -name '*.d' 2>/dev/null)

# The two commands of a newcomer.  Their steps follow one another whatever -j says, and each step is
# a make of its own, because nothing may look for a tool before bootstrap has installed it.
.PHONY: fee
fee: ## set up, build, measure the VM fee and print the table (PLATFORM=bochs-kvm or kvm: upon KVM)
	@scripts/bootstrap $(if $(filter bochs-kvm,$(PLATFORM)),kernel)
	@$(MAKE) -Otarget all
	$(B)/vmfee run $(PLATFORM:%=--platform=%) fee

.PHONY: golden
golden: fee ## take the counts of `fee`, `mmu`, `tlb` and `nest` into tests/golden; the commit says why
	$(B)/vmfee run mmu
	$(B)/vmfee run tlb
	$(B)/vmfee run nest
	$(B)/vmfee report --csv fee >tests/golden/fee.csv
	$(B)/vmfee report --csv mmu >tests/golden/mmu.csv
	$(B)/vmfee report --csv tlb >tests/golden/tlb.csv
	$(B)/vmfee report --csv nest >tests/golden/nest.csv

.PHONY: test
test: ## set up, then lint, unit, san and system, in this order
	@scripts/bootstrap kernel
	@$(MAKE) -Otarget lint
	@$(MAKE) -Otarget $(B)/unit $(B)/san/unit all
	@$(MAKE) unit
	@$(MAKE) san
	@$(MAKE) system

.PHONY: all
all: $(B)/vmfee $(B)/l1vmm-launch $(B)/linux-init $$(IMAGES) ## build vmfee, the launcher and the images

.PHONY: fresh-test
fresh-test: ## run both commands in minimal trees of Debian 12 and 13 (DEBIAN=12 or 13 for one)
	@scripts/fresh-test

.PHONY: clean
clean: ## remove what was built; results and .cache stay
	rm -rf $(B)

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
