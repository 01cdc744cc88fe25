/*
 * How long exits took, by level, reason and component of the fee: distributions from results.db,
 * over all benchmarks of a stack and what lies outside of them.
 */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include "bench/exits.h"
#include "bench/rows.h"

struct latency_bucket {
	uint64_t low, high; /* handled_ticks, both within */
	uint64_t count;
};

struct latency {
	unsigned level; /* of the hypervisor that took the exits */
	uint16_t reason;
	enum fee_component component;
	struct latency_bucket *bucket; /* in rising order, none empty */
	size_t buckets;
	uint64_t count, handled_ticks, shortest, longest; /* exact */
};

struct latencies {
	struct latency *row; /* in the order of levels, reasons and components */
	size_t rows;
};

/* Reads those of the stack with that id.  Returns 0, or -1; latencies_free() is due either way. */
int latencies_load(struct latencies *latencies, const struct rows *rows, uint64_t stack);

/* Adds what a sum of exits knows exactly to the row that it is part of. */
int latencies_add(struct latencies *latencies, const struct exit_sum *sum, const struct rows *rows);

/* Whether the sums are all that the distributions hold.  Returns 0, or -1. */
int latencies_check(const struct latencies *latencies, const struct rows *rows);

void latencies_free(struct latencies *latencies);

/*
 * The quantile q, 0 to 1: the least value that at least that share of the exits does not exceed.
 * Exact up to 2047 ticks, then up to a thousandth too high.
 */
uint64_t latency_quantile(const struct latency *latency, double q);

double latency_mean(const struct latency *latency);

/* The standard deviation, from the middles of the buckets: as exact as latency_quantile(). */
double latency_deviation(const struct latency *latency);

#endif
