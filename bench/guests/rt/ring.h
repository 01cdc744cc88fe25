/* Memory to walk through: cache lines that are linked to a ring, each with a number of its own. */
#ifndef BENCH_GUESTS_RT_RING_H
#define BENCH_GUESTS_RT_RING_H

#include <stdint.h>

#define LINE_SIZE 64

struct line {
	struct line *next;
	uint64_t value;
	uint8_t padding[LINE_SIZE - 16];
};
_Static_assert(sizeof(struct line) == LINE_SIZE, "a cache line");

/* Numbers `count` lines from 1 on; returns their sum. */
uint64_t ring_number(struct line *lines, uint32_t count);

/*
 * Links `count` lines, at most 2^24, to one ring in an order without pattern, but always the same.
 */
void ring_link(struct line *lines, uint32_t count);

#endif
