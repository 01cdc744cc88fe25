#include "bench/latency.h"

#include <math.h>
#include <stdlib.h>

static bool agree(const struct latency *latency, unsigned level, uint16_t reason,
		  enum fee_component component)
{
	return latency->level == level && latency->reason == reason &&
	       latency->component == component;
}

/* The buckets of a distribution follow one another. */
static int take_bucket(const struct rows *rows, void *into)
{
	struct latencies *latencies = into;
	unsigned level;
	uint16_t reason;
	enum fee_component component;

	if (rows_level(rows, 0, &level) != 0 || rows_reason(rows, 1, &reason) != 0 ||
	    rows_component(rows, 2, &component) != 0)
		return -1;
	if (latencies->rows == 0 ||
	    !agree(&latencies->row[latencies->rows - 1], level, reason, component)) {
		struct latency *row =
			rows_grow(rows, latencies->row, latencies->rows, sizeof(row[0]));
		if (row == NULL)
			return -1;
		latencies->row = row;
		row[latencies->rows++] = (struct latency){.level = level,
							  .reason = reason,
							  .component = component,
							  .shortest = UINT64_MAX};
	}
	struct latency *latency = &latencies->row[latencies->rows - 1];
	struct latency_bucket *bucket =
		rows_grow(rows, latency->bucket, latency->buckets, sizeof(bucket[0]));
	if (bucket == NULL)
		return -1;
	latency->bucket = bucket;
	bucket += latency->buckets++;
	*bucket = (struct latency_bucket){.low = rows_number(rows, 3),
					  .high = rows_number(rows, 4),
					  .count = rows_number(rows, 5)};
	if (bucket->count == 0 || bucket->high < bucket->low)
		return rows_damaged(rows, "a bucket of latencies that is none");
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct latency *left = a;
	const struct latency *right = b;

	if (left->level != right->level)
		return left->level < right->level ? -1 : 1;
	if (left->reason != right->reason)
		return left->reason < right->reason ? -1 : 1;
	return (left->component > right->component) - (left->component < right->component);
}

int latencies_load(struct latencies *latencies, const struct rows *rows, uint64_t stack)
{
	int failed =
		rows_each(rows,
			  "SELECT level, reason, component, low, high, count FROM exit_latency "
			  "WHERE stack = ? ORDER BY level, reason, component, low",
			  stack, take_bucket, latencies);

	if (latencies->rows > 0)
		qsort(latencies->row, latencies->rows, sizeof(latencies->row[0]), compare);
	return failed;
}

int latencies_add(struct latencies *latencies, const struct exit_sum *sum, const struct rows *rows)
{
	for (size_t i = 0; i < latencies->rows; i++) {
		struct latency *latency = &latencies->row[i];
		if (!agree(latency, sum->level, sum->reason, sum->component))
			continue;
		latency->count += sum->count;
		latency->handled_ticks += sum->handled_ticks;
		if (sum->shortest < latency->shortest)
			latency->shortest = sum->shortest;
		if (sum->longest > latency->longest)
			latency->longest = sum->longest;
		return 0;
	}
	return rows_damaged(rows, "exits without latencies");
}

int latencies_check(const struct latencies *latencies, const struct rows *rows)
{
	for (size_t i = 0; i < latencies->rows; i++) {
		const struct latency *latency = &latencies->row[i];
		uint64_t count = 0;
		for (size_t j = 0; j < latency->buckets; j++)
			count += latency->bucket[j].count;
		if (count != latency->count)
			return rows_damaged(rows, "latencies of other exits than there are");
	}
	return 0;
}

void latencies_free(struct latencies *latencies)
{
	for (size_t i = 0; i < latencies->rows; i++)
		free(latencies->row[i].bucket);
	free(latencies->row);
	*latencies = (struct latencies){0};
}

uint64_t latency_quantile(const struct latency *latency, double q)
{
	double wanted = ceil(q * (double)latency->count);
	uint64_t seen = 0;

	for (size_t i = 0; i < latency->buckets; i++) {
		seen += latency->bucket[i].count;
		if ((double)seen >= wanted && latency->bucket[i].high < latency->longest)
			return latency->bucket[i].high;
	}
	return latency->longest;
}

double latency_mean(const struct latency *latency)
{
	return (double)latency->handled_ticks / (double)latency->count;
}

double latency_deviation(const struct latency *latency)
{
	double mean = latency_mean(latency);
	double squares = 0;

	for (size_t i = 0; i < latency->buckets; i++) {
		const struct latency_bucket *bucket = &latency->bucket[i];
		double middle = (double)bucket->low + (double)(bucket->high - bucket->low) / 2;
		squares += (double)bucket->count * (middle - mean) * (middle - mean);
	}
	return sqrt(squares / (double)latency->count);
}
