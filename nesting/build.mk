# The VMX that a guest hypervisor sees: plain C, for the hypervisor and for hosted tests.
NESTING_SRCS := \
	nesting/capability.c \
	nesting/entry_checks.c \
	nesting/vmcs12.c
PLAIN_SRCS += $(NESTING_SRCS)
