/*
 * A log-linear histogram of 64-bit values: exact below HISTOGRAM_EXACT, and above it with buckets
 * no wider than a thousandth of their values.  Memory is bounded by the largest value: at most
 * 450 KB.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_EXACT = 2048 };

struct histogram {
	uint64_t *count; /* of each bucket, from value 0 up */
	size_t buckets;
};

/* Counts a value.  Returns 0, or -1 when memory is short. */
int histogram_add(struct histogram *histogram, uint64_t value);

void histogram_free(struct histogram *histogram);

/* The least and the greatest value of a bucket. */
uint64_t histogram_low(size_t bucket);
uint64_t histogram_high(size_t bucket);

/* The bucket of a value. */
size_t histogram_bucket(uint64_t value);

#endif
