# The VMX that a guest hypervisor sees: plain C, for the hypervisor and for hosted tests.
NESTING_SRCS := \
	nesting/capability.c \
	nesting/entry.c \
	nesting/entry_checks.c \
	nesting/ept02.c \
	nesting/ept12.c \
	nesting/link.c \
	nesting/operand.c \
	nesting/pdpte.c \
	nesting/reflect.c \
	nesting/shadowing.c \
	nesting/virtual_apic.c \
	nesting/vmcs02.c \
	nesting/vmcs02_merge.c \
	nesting/vmcs12.c \
	nesting/vmfunc.c \
	nesting/vmx.c \
	nesting/vpid12.c
# What the images need not carry: the tests hold vmcs02 against it.
PLAIN_SRCS += $(NESTING_SRCS) nesting/invariants.c
