/*
 * ept12: the EPT that L1 keeps for L2, in L1's memory; walked as the processor would.
 */
#ifndef NESTING_EPT12_H
#define NESTING_EPT12_H

#include <stdbool.h>
#include <stdint.h>

#include "nesting/capability.h"

/* What an EPT pointer has beside EP4TA: SDM volume 3, 25.6.11. */
#define EPT12_ACCESSED_DIRTY (UINT64_C(1) << 6)

/* L1's memory. */
struct ept12_ops {
	/* As in struct nested_ops. */
	const void *(*memory)(void *ctx, uint64_t gpa, uint64_t size);
	bool (*exchange)(void *ctx, uint64_t gpa, uint64_t expected, uint64_t desired);
	void *ctx;
};

enum ept12_outcome {
	EPT12_PAGE,	 /* there is a page, and it grants the access */
	EPT12_VIOLATION, /* of the access: exit 48 */
	EPT12_MISCONFIG, /* a malformed entry: exit 49 */
	EPT12_CHANGED,	 /* another processor stores to the entries: to be repeated */
};

/* Where the walk has ended. */
struct ept12_walk {
	enum ept12_outcome outcome;
	uint64_t gpa;	  /* in L1's physical memory, of the very byte */
	uint64_t size;	  /* of the page */
	uint64_t granted; /* rights that all entries on the way grant; 0: one is not present */
	/*
	 * Those of them that may be used before the next walk: with accessed and dirty flags a page
	 * is not written until its dirty flag is set.
	 */
	uint64_t rights;
	uint64_t type; /* memory type and ignore-PAT, in place */
};

/*
 * Translates `l2_gpa` for an access, a set of rights, by the tables of `eptp12`.  Where that
 * enables accessed and dirty flags and the access is granted, sets them (SDM volume 3, 29.3.5).
 */
struct ept12_walk ept12_translate(const struct ept12_ops *ops,
				  const struct vmx_capabilities *offered, uint64_t eptp12,
				  uint64_t l2_gpa, uint64_t access);

/* The exit qualification of a violation of which `qualification` is the processor's. */
uint64_t ept12_qualification(uint64_t qualification, uint64_t granted);

#endif
