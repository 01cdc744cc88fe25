/*
 * Hypercalls, as the hypervisor and its guests know them: VMCALL with the number in EAX, arguments
 * in RBX and RCX, of which code that is not 64-bit has the low halves.  RAX returns the result, or
 * an error as the negative of its number.
 */
#ifndef L1VMM_HYPERCALL_H
#define L1VMM_HYPERCALL_H

/* HYPERCALL_NULL and so on. */
#define HYPERCALL(number, NAME, handler) HYPERCALL_##NAME = (number),
enum hypercall {
#include "l1vmm/exits/hypercalls.def"
};
#undef HYPERCALL

/* HYPERCALL_E_UNKNOWN and so on, counted from 1. */
#define HYPERCALL_ERROR(NAME, name, text) HYPERCALL_E_##NAME,
enum hypercall_error {
	HYPERCALL_OK,
#include "l1vmm/exits/hypercall_errors.def"
	HYPERCALL_ERRORS
};
#undef HYPERCALL_ERROR

#endif
