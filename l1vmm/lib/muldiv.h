/*
 * Products of 128 bits, of which C has no division without a library.  Plain C but for that.
 */
#ifndef L1VMM_LIB_MULDIV_H
#define L1VMM_LIB_MULDIV_H

#include <stdint.h>

/* a * b / c, rounded down.  @pre it fits: a * b >> 64 < c */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t high;

	__asm__("mul %2\n\t"
		"div %3"
		: "+a"(a), "=&d"(high)
		: "r"(b), "r"(c)
		: "cc");
	return a;
}

#endif
