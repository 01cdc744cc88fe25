/* Numbers at random, the same in each run: Knuth's linear congruential generator (MMIX). */
#ifndef BENCH_GUESTS_RT_RANDOM_H
#define BENCH_GUESTS_RT_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t state)
{
	return state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
}

/* One below `limit`; the low bits are the least random. */
static inline uint32_t random_from(uint64_t *state, uint32_t limit)
{
	*state = random_next(*state);
	return (uint32_t)(*state >> 33) % limit;
}

#endif
