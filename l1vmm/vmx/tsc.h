/*
 * A guest's time-stamp counter (SDM volume 3, 26.3): the processor's times the TSC multiplier,
 * which has 48 bits behind the point, plus the TSC offset, all of it modulo 2^64.  Whatever time
 * the hypervisor takes for a guest's, and gives it, goes through here.  Plain C.
 */
#ifndef L1VMM_VMX_TSC_H
#define L1VMM_VMX_TSC_H

#include <stdint.h>

#define TSC_FRACTION_BITS 48
#define TSC_MULTIPLIER_1  (UINT64_C(1) << TSC_FRACTION_BITS)
#define TSC_RATIO_MOST	  65535u /* of either part, so that each multiplier fits */

struct guest_tsc {
	uint64_t multiplier, offset;
};

/* The multiplier of a clock that goes numerator/denominator times as fast; neither is 0. */
static inline uint64_t tsc_multiplier(uint16_t numerator, uint16_t denominator)
{
	return ((uint64_t)numerator << TSC_FRACTION_BITS) / denominator;
}

static inline uint64_t tsc_scaled(uint64_t ticks, uint64_t multiplier)
{
	return (uint64_t)((unsigned __int128)ticks * multiplier >> TSC_FRACTION_BITS);
}

/* What the guest has where the processor has `tsc`. */
static inline uint64_t tsc_of_guest(const struct guest_tsc *guest, uint64_t tsc)
{
	return tsc_scaled(tsc, guest->multiplier) + guest->offset;
}

/* tsc.c: a multiplier other than 1. */
uint64_t tsc_unscaled(uint64_t ticks, uint64_t multiplier);

/*
 * Ticks of the processor in which so many of the guest's pass, or hardly more: at their end it has
 * seen at least these.  UINT64_MAX where that is no number.
 */
static inline uint64_t tsc_ticks_of_processor(const struct guest_tsc *guest, uint64_t ticks)
{
	return __builtin_expect(guest->multiplier == TSC_MULTIPLIER_1, 1)
		       ? ticks
		       : tsc_unscaled(ticks, guest->multiplier);
}

/*
 * The clock of a guest whose hypervisor, a guest too, gives it the clock `inner` of its own,
 * `outer` (SDM volume 3, 26.3): right as long as what that hypervisor sees is below 2^63, or its
 * offset negative.
 */
struct guest_tsc tsc_compose(const struct guest_tsc *outer, const struct guest_tsc *inner);

#endif
