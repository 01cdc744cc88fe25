/*
 * What vmcs02 may never contain: invariants.def says what holds of it, whatever L1 wants.
 */
#ifndef NESTING_INVARIANTS_H
#define NESTING_INVARIANTS_H

#include "nesting/vmcs02.h"

/* Both VMCSs, and what vmcs02 was made of. */
struct vmcs02_view {
	const struct vmcs02_base *base;
	const struct vmcs12 *vmcs12; /* for the clock that L1 gives L2 */
	uint64_t cr0_owned, cr4_owned;
	uint64_t (*vmcs01)(void *ctx, enum vmcs_field field);
	uint64_t (*vmcs02)(void *ctx, enum vmcs_field field);
	/* Whether the page at `hpa` is memory of L1's. */
	bool (*is_l1s)(void *ctx, uint64_t hpa);
	void *ctx;
};

/* The name of the first invariant that does not hold; NULL: all do. */
const char *vmcs02_violated(const struct vmcs02_view *view);

#endif
