#include "bench/export.h"

#include <inttypes.h>
#include <math.h>

/* As HdrHistogram's outputPercentileDistribution() with its default of 5 steps to each half. */
enum { STEPS = 5 };

static void put_line(FILE *out, uint64_t value, double percent, uint64_t count)
{
	fprintf(out, "%12.3f %2.12f %10" PRIu64, (double)value, percent / 100, count);
	if (percent < 100)
		fprintf(out, " %14.2f", 1 / (1 - percent / 100));
	fputc('\n', out);
}

/* Each half of what is left gets as many steps. */
static double next_percent(double percent)
{
	double halves = floor(log2(100 / (100 - percent))) + 1;

	return percent + 100 / (STEPS * exp2(halves));
}

static void put_percentiles(FILE *out, const struct latency *latency)
{
	double percent = 0;
	uint64_t seen = 0;

	for (size_t i = 0; i < latency->buckets; i++) {
		uint64_t value = latency->bucket[i].high;
		seen += latency->bucket[i].count;
		if (value > latency->longest)
			value = latency->longest;
		while (100 * (double)seen / (double)latency->count >= percent) {
			put_line(out, value, percent, seen);
			percent = next_percent(percent);
			/* The last bucket reaches all percentiles there are. */
			if (seen == latency->count)
				break;
		}
	}
	put_line(out, latency->longest, 100, latency->count);
}

/* gnuplot finds a block by its first comment; HdrHistogram's plotter takes one at a time. */
static void put_latency(const struct export *export, const struct result_stack *stack,
			const struct latency *latency)
{
	FILE *out = export->out;

	fprintf(out, "# %s L%u %s %s\n", stack->name, latency->level,
		exit_reason_name(latency->reason), fee_component_name(latency->component));
	fprintf(out, "#%11s %14s %10s %14s\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	put_percentiles(out, latency);
	fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", latency_mean(latency),
		latency_deviation(latency));
	fprintf(out, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
		(double)latency->longest, latency->count);
	fprintf(out, "#[Buckets = %12zu, SubBuckets     = %12d]\n",
		histogram_bucket(latency->longest) / (HISTOGRAM_EXACT / 2) + 1, HISTOGRAM_EXACT);
}

int export_hdr(const struct export *export)
{
	const char *separator = "";

	for (size_t i = 0; i < export->results->stacks; i++) {
		const struct result_stack *stack = &export->results->stack[i];
		if (!export_wants_stack(export, stack))
			continue;
		for (size_t j = 0; j < stack->latencies.rows; j++) {
			const struct latency *latency = &stack->latencies.row[j];
			if (!export_wants_reason(export, latency->reason))
				continue;
			fputs(separator, export->out);
			put_latency(export, stack, latency);
			separator = "\n\n";
		}
	}
	return 0;
}
