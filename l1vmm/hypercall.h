/*
 * Hypercalls, as the hypervisor and its guests know them: VMCALL with the number in EAX, arguments
 * in RBX and RCX, of which code that is not 64-bit has the low halves.  RAX returns the result, or
 * an error as the negative of its number.
 */
#ifndef L1VMM_HYPERCALL_H
#define L1VMM_HYPERCALL_H

#include <stdint.h>

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

static inline int64_t hypercall(enum hypercall number, uint64_t first, uint64_t second)
{
	int64_t result = number;

	__asm__ volatile("vmcall" : "+a"(result) : "b"(first), "c"(second) : "cc", "memory");
	return result;
}

#endif
