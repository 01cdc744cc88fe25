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

struct guest_tsc tsc_compose(const struct guest_tsc *outer, const struct guest_tsc *inner)
{
	__int128 offset = (__int128)(int64_t)outer->offset * inner->multiplier;

	return (struct guest_tsc){
		.multiplier = tsc_scaled(outer->multiplier, inner->multiplier),
		.offset = (uint64_t)(offset >> TSC_FRACTION_BITS) + inner->offset,
	};
}
