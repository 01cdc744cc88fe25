#include "bench/histogram.h"

#include <stdlib.h>
#include <string.h>

enum { HALF = HISTOGRAM_EXACT / 2 };

/* Up to HISTOGRAM_EXACT a bucket a value; then HALF buckets for each further power of two. */
static unsigned shift_of(uint64_t value)
{
	return value < HISTOGRAM_EXACT ? 0
				       : (unsigned)(__builtin_clzll(HALF) - __builtin_clzll(value));
}

size_t histogram_bucket(uint64_t value)
{
	unsigned shift = shift_of(value);

	return (size_t)shift * HALF + (size_t)(value >> shift);
}

static unsigned shift_of_bucket(size_t bucket)
{
	return bucket < HISTOGRAM_EXACT ? 0 : (unsigned)(bucket / HALF - 1);
}

uint64_t histogram_low(size_t bucket)
{
	unsigned shift = shift_of_bucket(bucket);

	return (uint64_t)(bucket - (size_t)shift * HALF) << shift;
}

uint64_t histogram_high(size_t bucket)
{
	return histogram_low(bucket) + (UINT64_C(1) << shift_of_bucket(bucket)) - 1;
}

int histogram_add(struct histogram *histogram, uint64_t value)
{
	size_t bucket = histogram_bucket(value);

	if (bucket >= histogram->buckets) {
		size_t buckets = (bucket / HALF + 1) * HALF;
		uint64_t *count = reallocarray(histogram->count, buckets, sizeof(count[0]));
		if (count == NULL)
			return -1;
		memset(count + histogram->buckets, 0,
		       (buckets - histogram->buckets) * sizeof(count[0]));
		histogram->count = count;
		histogram->buckets = buckets;
	}
	histogram->count[bucket]++;
	return 0;
}

void histogram_free(struct histogram *histogram)
{
	free(histogram->count);
	*histogram = (struct histogram){0};
}
