/*
 * What a guest hypervisor is told of each exit of its guest, in memory of its own, instead of
 * reading it from its VMCS: HYPERCALL_EXIT_PAGE says where, CPUID_HANDSHAKES whether.
 */
#ifndef L1VMM_EXIT_PAGE_H
#define L1VMM_EXIT_PAGE_H

#include <stdint.h>

/* Each as the field of the VMCS of that name, which holds it too. */
struct __attribute__((aligned(64))) exit_page {
	uint64_t reason;
	uint64_t rip;
	uint64_t length;	/* of the instruction, where the exit has one */
	uint64_t qualification; /* where exit_reasons.def says QUAL */
};

/* Instead of an address: nothing is told from now on. */
#define EXIT_PAGE_NONE UINT64_MAX

#endif
