#include "bench/report_latency.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct latency_bucket buckets[] = {{10, 10, 49}, {20, 20, 50}, {4096, 4099, 1}};

static const struct latency latency = {.bucket = buckets,
				       .buckets = COUNT(buckets),
				       .count = 100,
				       .handled_ticks = 490 + 1000 + 4097,
				       .shortest = 10,
				       .longest = 4097};

Test(latency, a_quantile_is_a_value_that_so_many_do_not_exceed)
{
	static const struct {
		double q;
		uint64_t value;
	} rows[] = {{0, 10},   {0.01, 10}, {0.49, 10},	  {0.491, 20},
		    {0.5, 20}, {0.99, 20}, {0.991, 4097}, {1, 4097}};

	for (size_t i = 0; i < COUNT(rows); i++)
		cr_expect_eq(latency_quantile(&latency, rows[i].q), rows[i].value, "%g: %lu",
			     rows[i].q, latency_quantile(&latency, rows[i].q));
}

Test(latency, one_sample_is_all_of_its_quantiles)
{
	struct latency_bucket bucket = {2048, 2049, 1};
	struct latency one = {.bucket = &bucket,
			      .buckets = 1,
			      .count = 1,
			      .handled_ticks = 2048,
			      .shortest = 2048,
			      .longest = 2048};

	cr_expect_eq(latency_quantile(&one, 0), 2048);
	cr_expect_eq(latency_quantile(&one, 0.5), 2048);
	cr_expect_eq(latency_quantile(&one, 1), 2048);
	cr_expect_eq(latency_mean(&one), 2048);
	cr_expect_lt(latency_deviation(&one), 1);
}

Test(latency, mean_and_deviation)
{
	/* The last exit stands for the middle of its bucket, 4097.5. */
	double mean = 55.87;
	double squares = 49 * pow(10 - mean, 2) + 50 * pow(20 - mean, 2) + pow(4097.5 - mean, 2);

	cr_expect(fabs(latency_mean(&latency) - mean) < 1e-9);
	cr_expect(fabs(latency_deviation(&latency) - sqrt(squares / 100)) < 1e-9);
}

/* Each level has a ring of its own, which loses what it loses. */
Test(latency, each_level_tells_what_it_lost)
{
	struct latency levels[] = {latency, latency};
	struct result_stack stack = {.name = "two",
				     .latencies = {.row = levels, .rows = COUNT(levels)},
				     .lost = {3, 40}};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	levels[0].reason = levels[1].reason = (uint16_t)exit_reason_by_name("CPUID");
	levels[1].level = 1;
	cr_assert_eq(report_latency(&stack, "cycles", out, 100), 0);
	fclose(out);
	const char *upper = strstr(text, "How long L1 took");
	cr_assert_not_null(upper, "%s", text);
	cr_expect_not_null(strstr(upper, "100 samples, 5587 cycles; 40 samples lost.\n"), "%s",
			   text);
	cr_expect_not_null(strstr(text, "100 samples, 5587 cycles; 3 samples lost.\n"), "%s", text);
	free(text);
}
