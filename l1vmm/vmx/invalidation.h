/*
 * Which type of INVVPID or INVEPT to use: the narrowest that suffices and that the processor has.
 * Plain C: the capability MSR comes as an argument.
 */
#ifndef L1VMM_VMX_INVALIDATION_H
#define L1VMM_VMX_INVALIDATION_H

#include <stdint.h>

/* What is to be forgotten. */
enum invalidation {
#define INVALIDATION(NAME, instruction, type, bit, wider) INVALIDATE_##NAME,
#include "l1vmm/vmx/invalidation.def"
#undef INVALIDATION
	INVALIDATIONS,
};

/* For each invalidation, the operand to carry it out with. */
struct invalidation_types {
	uint8_t type[INVALIDATIONS];
};

/*
 * The types for a processor with this IA32_VMX_EPT_VPID_CAP.  The widest of an instruction is taken
 * to be there: capability.def asks for it.
 */
struct invalidation_types invalidation_types(uint64_t capabilities);

#endif
