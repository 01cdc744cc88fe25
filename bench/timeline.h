/*
 * When exits came and how long they took then: counts by slice of time, from the begin of the first
 * benchmark to the end of the last one, and by bucket of handled_ticks.
 */
#ifndef BENCH_TIMELINE_H
#define BENCH_TIMELINE_H

#include "bench/console.h"
#include "telemetry/record.h"

#include <stdint.h>

enum {
	TIMELINE_SLICES = 100,
	TIMELINE_BUCKETS = 4 * 63, /* four to a doubling */
};

/* All zeroes is one without exits. */
struct timeline {
	uint64_t (*count)[TIMELINE_BUCKETS]; /* by slice; NULL: none yet */
};

/*
 * Adds an exit; one outside of the time of all benchmarks is left out.  Returns 0, or -1 with errno
 * when memory is short.
 */
int timeline_add(struct timeline *timeline, const struct console *console,
		 const struct exit_record *record);

void timeline_free(struct timeline *timeline);

/* When a slice begins; the one before ends there. */
uint64_t timeline_begin(const struct console *console, unsigned slice);

/* The least and the most ticks of a bucket. */
uint64_t timeline_low(unsigned bucket);
uint64_t timeline_high(unsigned bucket);

#endif
