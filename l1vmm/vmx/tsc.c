#include "l1vmm/vmx/tsc.h"

#include "l1vmm/lib/muldiv.h"

uint64_t tsc_unscaled(uint64_t ticks, uint64_t multiplier)
{
	uint64_t whole;

	if (ticks >> (64 - TSC_FRACTION_BITS) >= multiplier)
		return UINT64_MAX;
	whole = mul_div(ticks, TSC_MULTIPLIER_1, multiplier);
	return tsc_scaled(whole, multiplier) < ticks ? whole + 1 : whole;
}

/* As near as a multiplier can be: 0 is none, which VM entry refuses (SDM volume 3, 27.2.1.1). */
static uint64_t multiply(uint64_t outer, uint64_t inner)
{
	unsigned __int128 product = (unsigned __int128)outer * inner >> TSC_FRACTION_BITS;

	if (product > UINT64_MAX)
		return UINT64_MAX;
	return product ? (uint64_t)product : 1;
}

struct guest_tsc tsc_compose(const struct guest_tsc *outer, const struct guest_tsc *inner)
{
	__int128 offset = (__int128)(int64_t)outer->offset * inner->multiplier;

	return (struct guest_tsc){
		.multiplier = multiply(outer->multiplier, inner->multiplier),
		.offset = (uint64_t)(offset >> TSC_FRACTION_BITS) + inner->offset,
	};
}
