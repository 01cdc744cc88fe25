#include "bench/timeline.h"

#include <stdlib.h>

/* Up to QUARTER a bucket has one value; from there on the two bits below the highest one tell. */
enum { BITS = 2, QUARTER = 1 << BITS };

static unsigned bucket_of(uint64_t ticks)
{
	if (ticks < QUARTER)
		return (unsigned)ticks;
	unsigned shift = 63 - BITS - (unsigned)__builtin_clzll(ticks);

	return shift * QUARTER + (unsigned)(ticks >> shift);
}

uint64_t timeline_low(unsigned bucket)
{
	unsigned shift = bucket / QUARTER;

	return shift == 0 ? bucket : (uint64_t)(QUARTER + bucket % QUARTER) << (shift - 1);
}

uint64_t timeline_high(unsigned bucket)
{
	return bucket == TIMELINE_BUCKETS - 1 ? UINT64_MAX : timeline_low(bucket + 1) - 1;
}

/* How long a slice is; the last one may be shorter. */
static uint64_t width(const struct console *console)
{
	uint64_t span = console->bench[console->benches - 1].end - console->bench[0].begin;

	return span / TIMELINE_SLICES + 1;
}

uint64_t timeline_begin(const struct console *console, unsigned slice)
{
	return console->bench[0].begin + slice * width(console);
}

int timeline_add(struct timeline *timeline, const struct console *console,
		 const struct exit_record *record)
{
	if (console->benches == 0 || record->tsc < console->bench[0].begin ||
	    record->tsc > console->bench[console->benches - 1].end)
		return 0;
	if (timeline->count == NULL)
		timeline->count = calloc(TIMELINE_SLICES, sizeof(timeline->count[0]));
	if (timeline->count == NULL)
		return -1;
	uint64_t slice = (record->tsc - console->bench[0].begin) / width(console);
	timeline->count[slice][bucket_of(record->handled_ticks)]++;
	return 0;
}

void timeline_free(struct timeline *timeline)
{
	free(timeline->count);
	timeline->count = NULL;
}
