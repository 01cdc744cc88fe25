#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 1000 };

static int compare_samples(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a;
	uint64_t right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static int compare_doubles(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;

	return (left > right) - (left < right);
}

void stats_sort(uint64_t *samples, size_t count)
{
	qsort(samples, count, sizeof(samples[0]), compare_samples);
}

/* Where the quantile lies between the sample at the index that is returned and the next one. */
static size_t quantile_position(size_t count, double q, double *fraction)
{
	double position = q * (double)(count - 1);
	double whole = floor(position);

	*fraction = position - whole;
	return (size_t)whole;
}

double stats_quantile(const uint64_t *sorted, size_t count, double q)
{
	double fraction;
	size_t i = quantile_position(count, q, &fraction);

	if (fraction == 0)
		return (double)sorted[i];
	return (double)sorted[i] + fraction * (double)(sorted[i + 1] - sorted[i]);
}

static double quantile_of_doubles(const double *sorted, size_t count, double q)
{
	double fraction;
	size_t i = quantile_position(count, q, &fraction);

	return fraction == 0 ? sorted[i] : sorted[i] + fraction * (sorted[i + 1] - sorted[i]);
}

int stats_mad(const uint64_t *sorted, size_t count, double *mad)
{
	double *deviations = calloc(count, sizeof(deviations[0]));
	double median = stats_median(sorted, count);

	if (deviations == NULL)
		return -1;
	for (size_t i = 0; i < count; i++)
		deviations[i] = fabs((double)sorted[i] - median);
	qsort(deviations, count, sizeof(deviations[0]), compare_doubles);
	*mad = quantile_of_doubles(deviations, count, 0.5);
	free(deviations);
	return 0;
}

double stats_ecdf(const uint64_t *sorted, size_t count, uint64_t value)
{
	size_t low = 0;
	size_t high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (sorted[middle] <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return (double)low / (double)count;
}

/* xorshift64*: an interval needs a fair spread, not secrecy, and the same one every time. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/*
 * The median of a sample drawn with replacement.  As the originals are sorted, counting how often
 * each was drawn takes the place of sorting.
 */
static double resampled_median(const uint64_t *sorted, size_t count, unsigned *draws,
			       uint64_t *state)
{
	memset(draws, 0, count * sizeof(draws[0]));
	for (size_t i = 0; i < count; i++)
		draws[(next_random(state) >> 11) % count]++;

	size_t low = 0;
	size_t seen = draws[0];
	while (seen <= (count - 1) / 2)
		seen += draws[++low];
	size_t high = low;
	while (seen <= count / 2)
		seen += draws[++high];
	return (double)sorted[low] + (double)(sorted[high] - sorted[low]) / 2;
}

int stats_median_interval(const uint64_t *sorted, size_t count, struct stats_interval *interval)
{
	uint64_t state = STATS_BOOTSTRAP_SEED;
	unsigned *draws = calloc(count, sizeof(draws[0]));
	double *medians = calloc(RESAMPLES, sizeof(medians[0]));

	if (draws == NULL || medians == NULL) {
		free(draws);
		free(medians);
		return -1;
	}
	for (size_t i = 0; i < RESAMPLES; i++)
		medians[i] = resampled_median(sorted, count, draws, &state);
	qsort(medians, RESAMPLES, sizeof(medians[0]), compare_doubles);
	interval->low = quantile_of_doubles(medians, RESAMPLES, 0.025);
	interval->high = quantile_of_doubles(medians, RESAMPLES, 0.975);
	free(draws);
	free(medians);
	return 0;
}

static double resampled_value(const struct stats_series *series, unsigned *draws, uint64_t *state)
{
	double median = resampled_median(series->sorted, series->count, draws, state);

	return (median - series->offset) / series->operations;
}

int stats_difference_interval(const struct stats_series *first, const struct stats_series *second,
			      struct stats_interval *interval)
{
	size_t most = first->count > second->count ? first->count : second->count;
	uint64_t state = STATS_BOOTSTRAP_SEED;
	unsigned *draws = calloc(most, sizeof(draws[0]));
	double *differences = calloc(RESAMPLES, sizeof(differences[0]));

	if (draws == NULL || differences == NULL) {
		free(draws);
		free(differences);
		return -1;
	}
	for (size_t i = 0; i < RESAMPLES; i++) {
		double value = resampled_value(first, draws, &state);
		differences[i] = resampled_value(second, draws, &state) - value;
	}
	qsort(differences, RESAMPLES, sizeof(differences[0]), compare_doubles);
	interval->low = quantile_of_doubles(differences, RESAMPLES, 0.025);
	interval->high = quantile_of_doubles(differences, RESAMPLES, 0.975);
	free(draws);
	free(differences);
	return 0;
}
