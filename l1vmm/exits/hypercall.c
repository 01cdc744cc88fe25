/* VMCALL. */
#include "l1vmm/exits/exits.h"

#define NO_SUCH_HYPERCALL UINT64_MAX

/* Does nothing: what remains is the price of the call. */
static uint64_t hypercall_null(struct vcpu *v)
{
	(void)v;
	return 0;
}

enum exit_action exit_vmcall(struct vcpu *v)
{
	switch (v->detail) {
#define HYPERCALL(number, NAME, handler)               \
	case number:                                   \
		v->regs[RAX] = hypercall_##handler(v); \
		break;
#include "l1vmm/exits/hypercalls.def"
#undef HYPERCALL
	default:
		v->regs[RAX] = NO_SUCH_HYPERCALL;
	}
	return EXIT_ADVANCE;
}
