#include "bench/stats.h"

#include <criterion/criterion.h>

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void expect_near(double got, double wanted)
{
	cr_expect(fabs(got - wanted) < 1e-9, "got %.12g, wanted %.12g", got, wanted);
}

Test(stats, sorting_compares_all_64_bits)
{
	uint64_t samples[] = {UINT64_MAX, 1, UINT64_C(1) << 63, 0, UINT64_C(1) << 32};
	static const uint64_t sorted[] = {0, 1, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX};

	stats_sort(samples, COUNT(samples));
	for (size_t i = 0; i < COUNT(samples); i++)
		cr_expect_eq(samples[i], sorted[i]);
}

Test(stats, the_median_of_an_even_count_lies_between_the_middle_two)
{
	static const uint64_t odd[] = {1, 2, 30};
	static const uint64_t even[] = {1, 2, 5, 30};
	static const uint64_t one[] = {7};

	expect_near(stats_median(odd, COUNT(odd)), 2);
	expect_near(stats_median(even, COUNT(even)), 3.5);
	expect_near(stats_median(one, COUNT(one)), 7);
}

Test(stats, quantiles_interpolate_and_reach_both_ends)
{
	static const uint64_t samples[] = {10, 20, 30, 40, 50};

	expect_near(stats_quantile(samples, COUNT(samples), 0), 10);
	expect_near(stats_quantile(samples, COUNT(samples), 1), 50);
	expect_near(stats_quantile(samples, COUNT(samples), 0.25), 20);
	expect_near(stats_quantile(samples, COUNT(samples), 0.1), 14);
}

Test(stats, the_mad_does_not_follow_an_outlier)
{
	static const uint64_t samples[] = {1, 1, 2, 2, 4, 6, 9};
	static const uint64_t outlier[] = {1, 1, 2, 2, 4, 6, 1000000};
	double mad;

	cr_assert_eq(stats_mad(samples, COUNT(samples), &mad), 0);
	expect_near(mad, 1);
	cr_assert_eq(stats_mad(outlier, COUNT(outlier), &mad), 0);
	expect_near(mad, 1);
}

Test(stats, the_ecdf_steps_at_each_sample)
{
	static const uint64_t samples[] = {10, 10, 20, 40};

	expect_near(stats_ecdf(samples, COUNT(samples), 9), 0);
	expect_near(stats_ecdf(samples, COUNT(samples), 10), 0.5);
	expect_near(stats_ecdf(samples, COUNT(samples), 19), 0.5);
	expect_near(stats_ecdf(samples, COUNT(samples), 20), 0.75);
	expect_near(stats_ecdf(samples, COUNT(samples), 40), 1);
	expect_near(stats_ecdf(samples, COUNT(samples), UINT64_MAX), 1);
}

Test(stats, equal_samples_have_an_interval_of_one_point)
{
	static const uint64_t samples[] = {86, 86, 86, 86, 86};
	static const uint64_t one[] = {5};
	struct stats_interval interval;

	cr_assert_eq(stats_median_interval(samples, COUNT(samples), &interval), 0);
	expect_near(interval.low, 86);
	expect_near(interval.high, 86);
	cr_assert_eq(stats_median_interval(one, COUNT(one), &interval), 0);
	expect_near(interval.low, 5);
	expect_near(interval.high, 5);
}

Test(stats, the_interval_is_the_same_every_time_and_covers_what_it_should)
{
	struct stats_interval first;
	struct stats_interval second;
	uint64_t samples[100];

	for (size_t i = 0; i < COUNT(samples); i++)
		samples[i] = 1000 + i;
	cr_assert_eq(stats_median_interval(samples, COUNT(samples), &first), 0);
	cr_assert_eq(stats_median_interval(samples, COUNT(samples), &second), 0);
	cr_expect_eq(first.low, second.low);
	cr_expect_eq(first.high, second.high);

	/* The median of 100 draws from 100 evenly spread values has a deviation of about 5. */
	cr_expect(first.low > 1034 && first.low < 1045, "low %g", first.low);
	cr_expect(first.high > 1054 && first.high < 1065, "high %g", first.high);
}

Test(stats, resampling_an_even_count_averages_as_the_median_does)
{
	static const uint64_t samples[] = {0, 10};
	struct stats_interval interval;

	/* A resample of two is {0,0}, {0,10} or {10,10}: medians 0, 5 and 10. */
	cr_assert_eq(stats_median_interval(samples, COUNT(samples), &interval), 0);
	expect_near(interval.low, 0);
	expect_near(interval.high, 10);
}

static void expect_difference(const struct stats_series *first, const struct stats_series *second,
			      double low, double high)
{
	struct stats_interval interval;

	cr_assert_eq(stats_difference_interval(first, second, &interval), 0);
	expect_near(interval.low, low);
	expect_near(interval.high, high);
}

Test(stats, the_interval_of_a_difference)
{
	static const uint64_t two[] = {0, 10}, one[] = {100}, many[] = {1000, 1000, 1000};
	const struct stats_series spread = {two, 2, 0, 1}, point = {one, 1, 0, 1};
	const struct stats_series batch = {many, 3, 100, 10};

	/* Medians 0, 5 and 10 with 1/4, 1/2 and 1/4: -10 and 10 have 1/16 each, above 2.5 %. */
	expect_difference(&spread, &spread, -10, 10);
	expect_difference(&spread, &point, 90, 100);
	expect_difference(&point, &spread, -100, -90);
	/* (1000 - 100) / 10 less 100. */
	expect_difference(&point, &batch, -10, -10);
}

Test(stats, the_interval_of_a_difference_covers_what_it_should)
{
	uint64_t low[100], high[100];
	const struct stats_series first = {low, 100, 0, 1}, second = {high, 100, 0, 1};
	struct stats_interval interval, again;

	for (size_t i = 0; i < 100; i++) {
		low[i] = 1000 + i;
		high[i] = 1100 + i;
	}
	cr_assert_eq(stats_difference_interval(&first, &second, &interval), 0);
	cr_assert_eq(stats_difference_interval(&first, &second, &again), 0);
	cr_expect_eq(interval.low, again.low);
	cr_expect_eq(interval.high, again.high);
	/* A median deviates by about 5, the difference of two by about 7. */
	cr_expect(interval.low > 81 && interval.low < 91, "low %g", interval.low);
	cr_expect(interval.high > 109 && interval.high < 119, "high %g", interval.high);
}
