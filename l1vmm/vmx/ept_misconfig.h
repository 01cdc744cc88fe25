/*
 * Why the processor calls an EPT entry misconfigured (SDM volume 3, 29.3.3.1).  The tables are the
 * hypervisor's own: such an entry is its fault, or that of whoever wrote to its memory.  Plain C.
 */
#ifndef L1VMM_VMX_EPT_MISCONFIG_H
#define L1VMM_VMX_EPT_MISCONFIG_H

#include "l1vmm/vmx/ept.h"

struct ept_processor {
	uint64_t capabilities;	/* IA32_VMX_EPT_VPID_CAP */
	unsigned physical_bits; /* of an address */
};

/* What is wrong with an entry of a level (1 PT to 4 PML4); NULL for nothing. */
const char *ept_misconfiguration(uint64_t entry, unsigned level, const struct ept_processor *cpu);

struct ept_fault {
	uint64_t entry;
	unsigned level;
	const char *why; /* NULL: no entry that translates the address is misconfigured */
};

/* The first entry that is misconfigured on the way to gpa, or the last one. */
struct ept_fault ept_find_misconfiguration(const struct ept *ept, uint64_t gpa,
					   const struct ept_processor *cpu);

#endif
