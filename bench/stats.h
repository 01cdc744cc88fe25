/*
 * Statistics over the samples of one benchmark.  Every function is deterministic, the bootstrap
 * included.  Samples are in the unit of the platform's ticks and sorted where the name says so.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

/* Where the bootstrap's random numbers start. */
#define STATS_BOOTSTRAP_SEED UINT64_C(0x9e3779b97f4a7c15)

/* Sorts samples in place, smallest first. */
void stats_sort(uint64_t *samples, size_t count);

/*
 * The quantile q, 0 to 1, of at least one sorted sample, linear between the two nearest ones
 * (R's type 7); 0.5 is the median.
 */
double stats_quantile(const uint64_t *sorted, size_t count, double q);

static inline double stats_median(const uint64_t *sorted, size_t count)
{
	return stats_quantile(sorted, count, 0.5);
}

/*
 * The median absolute deviation from the median of at least one sorted sample, unscaled.  Returns
 * 0, or -1 when memory is short.
 */
int stats_mad(const uint64_t *sorted, size_t count, double *mad);

/* The share of sorted samples that are at most value: the empirical distribution function. */
double stats_ecdf(const uint64_t *sorted, size_t count, uint64_t value);

struct stats_interval {
	double low, high;
};

/*
 * The 95 % percentile-bootstrap confidence interval of the median of at least one sorted sample.
 * The resampling starts from STATS_BOOTSTRAP_SEED.  Returns 0, or -1 when memory is short.
 */
int stats_median_interval(const uint64_t *sorted, size_t count, struct stats_interval *interval);

/* Samples as they enter a comparison: each is taken as (sample - offset) / operations. */
struct stats_series {
	const uint64_t *sorted;
	size_t count;
	double offset, operations;
};

static inline double stats_value(const struct stats_series *series, size_t i)
{
	return ((double)series->sorted[i] - series->offset) / series->operations;
}

/*
 * The 95 % percentile-bootstrap confidence interval of the second series' median less the first's,
 * each of at least one sample and resampled by itself.  Otherwise as stats_median_interval().
 */
int stats_difference_interval(const struct stats_series *first, const struct stats_series *second,
			      struct stats_interval *interval);

#endif
