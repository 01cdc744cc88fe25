# Static checks, each remembered under build/lint: only what changed is checked again.
#
# C is checked with the flags it is compiled with; what is linked both ways, with the hosted ones.

LINT := $(B)/lint
LINT_DIRS := $(wildcard l1vmm nesting shadow telemetry bench tests)
# BPF programs are compiled with all warnings, and for another machine than clang-tidy knows;
# programs.c is what bpftool makes of them.
LINT_C := $(filter-out bench/launcher/programs.c,\
	$(sort $(shell find $(LINT_DIRS) -name '*.c' ! -name '*.bpf.c')))
LINT_H := $(sort $(shell find $(LINT_DIRS) -name '*.h'))
# *.sh are checked where they are sourced.
LINT_SH := $(filter-out %.awk %.sh,$(wildcard scripts/* .ci/run tests/system/*.t tests/exhaustive/*.t tests/browser/*.t tests/slurm/*.t))

LINT_HOST_C := $(filter-out tests/guests/%,$(filter bench/main.c bench/linux/% $(LAUNCHER_OWN_SRCS) tests/% \
	$(PLAIN_SRCS) $(HOST_LIB_SRCS),$(LINT_C)))
LINT_IMAGE_C := $(filter-out $(LINT_HOST_C),$(LINT_C))
LINT_IMAGE_H := $(filter l1vmm/% bench/guests/%,$(LINT_H))
LINT_HOST_H := $(filter-out $(LINT_IMAGE_H),$(LINT_H))

LINT_STAMPS := $(LINT)/format $(LINT)/shellcheck \
	$(LINT_HOST_C:%=$(LINT)/host/%) $(LINT_IMAGE_C:%=$(LINT)/image/%) \
	$(LINT_HOST_H:%=$(LINT)/host/%) $(LINT_IMAGE_H:%=$(LINT)/image/%)

.PHONY: lint
lint: $(LINT_STAMPS) ## check format, headers, sources and scripts
	@echo "lint: $(words $(LINT_C)) sources, $(words $(LINT_H)) headers and" \
		"$(words $(LINT_SH)) scripts are clean"

$(LINT)/format: $(LINT_C) $(LINT_H) .clang-format
	@mkdir -p $(@D)
	@echo "clang-format $(words $(LINT_C) $(LINT_H)) files"
	$(Q)clang-format-19 --dry-run -Werror $(LINT_C) $(LINT_H)
	@touch $@

# The compiler writes down which headers the stamp depends on; clang-tidy does not, and what it says
# on stderr is how many warnings it left out.
define lint_source
	@mkdir -p $(@D)
	$(Q)$(IMAGE_CC) $(CPPFLAGS) $(1) -E -MF $@.d -MT $@ $< -o /dev/null
	@echo "clang-tidy $<"
	$(Q)clang-tidy-19 --quiet $< -- -I. $(1) 2>$@.err || { cat $@.err >&2; false; }
	@touch $@
endef

# A header must compile by itself.
define lint_header
	@mkdir -p $(@D)
	@echo "self-contained $<"
	$(Q)$(IMAGE_CC) $(CPPFLAGS) $(1) -fsyntax-only -MF $@.d -MT $@ -include $< -x c /dev/null
	@touch $@
endef

$(LINT)/host/%.c: %.c .clang-tidy tests/unit/.clang-tidy Makefile
	$(call lint_source,$(HOST_CFLAGS) $(HOST_CPPFLAGS))

$(LINT)/image/%.c: %.c .clang-tidy Makefile
	$(call lint_source,$(IMAGE_CFLAGS))

$(LINT)/host/%.h: %.h Makefile
	$(call lint_header,$(HOST_CFLAGS) $(HOST_CPPFLAGS))

$(LINT)/image/%.h: %.h Makefile
	$(call lint_header,$(IMAGE_CFLAGS))

$(LINT)/shellcheck: $(LINT_SH) $(wildcard tests/system/*.sh)
	@mkdir -p $(@D)
	shellcheck -x $(LINT_SH)
	@touch $@
