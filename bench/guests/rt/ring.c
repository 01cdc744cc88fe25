#include "bench/guests/rt/ring.h"

uint64_t ring_number(struct line *lines, uint32_t count)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < count; i++) {
		lines[i].value = i + 1;
		sum += i + 1;
	}
	return sum;
}

/* Sattolo's shuffle: every permutation that it makes is a single cycle. */
void ring_link(struct line *lines, uint32_t count)
{
	uint32_t random = 1;

	for (uint32_t i = 0; i < count; i++)
		lines[i].next = &lines[i];
	for (uint32_t i = count - 1; i > 0; i--) {
		random = random * 1664525 + 1013904223;

		uint32_t other = (random >> 8) % i;
		struct line *next = lines[i].next;

		lines[i].next = lines[other].next;
		lines[other].next = next;
	}
}
