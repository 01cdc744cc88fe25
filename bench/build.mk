# vmfee, the tool that runs experiments and reads them.
VMFEE_LIB_SRCS := $(filter-out bench/main.c,$(wildcard bench/*.c))
VMFEE_LIBS := -lsqlite3 -linih -ljansson -lmd -lgsl -lgslcblas -lm
HOST_LIB_SRCS += $(VMFEE_LIB_SRCS)

$(B)/vmfee: $$(patsubst %.c,$(B)/host/%.o,bench/main.c $$(HOST_LIB_SRCS) $$(PLAIN_SRCS))
	$(HOST_CC) -o $@ $^ $(VMFEE_LIBS)

# The commit goes into manifests.  What depends on it is only built again when it has changed.
VERSION := $(shell GIT_OPTIONAL_LOCKS=0 git describe --always --dirty --tags 2>/dev/null || echo unknown)
VERSION_OBJECTS := $(B)/host/bench/version.o $(B)/san/bench/version.o

$(B)/version: .FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@

$(VERSION_OBJECTS): $(B)/version
$(VERSION_OBJECTS): CPPFLAGS += -DVMFEE_VERSION='"$(VERSION)"'

.PHONY: .FORCE
.FORCE:

# A program of Linux's, for a guest that has nothing else.
$(B)/linux-init: $(B)/host/bench/linux/init.o
	@echo "link $@"
	$(Q)$(HOST_CC) -static -o $@ $<
