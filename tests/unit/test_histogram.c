#include "bench/histogram.h"

#include <criterion/criterion.h>

static void expect_within(uint64_t value)
{
	size_t bucket = histogram_bucket(value);
	uint64_t low = histogram_low(bucket);
	uint64_t high = histogram_high(bucket);

	cr_expect(low <= value && value <= high, "%#lx is not in %#lx to %#lx", value, low, high);
	cr_expect_leq(high - low, value / 1024);
	cr_expect_eq(histogram_bucket(low), bucket);
	cr_expect_eq(histogram_bucket(high), bucket);
	if (high != UINT64_MAX)
		cr_expect_eq(histogram_bucket(high + 1), bucket + 1, "a gap behind %#lx", high);
}

Test(histogram, buckets_follow_one_another_and_are_narrow)
{
	for (uint64_t value = 0; value < 70000; value++)
		expect_within(value);
	for (unsigned bit = 16; bit < 64; bit++)
		for (uint64_t step = 0; step < 3; step++)
			expect_within((UINT64_C(1) << bit) - 1 + step);
	expect_within(UINT64_MAX);
}

Test(histogram, small_values_have_buckets_of_their_own)
{
	for (uint64_t value = 0; value < HISTOGRAM_EXACT; value++)
		cr_expect_eq(histogram_bucket(value), value);
	cr_expect_eq(histogram_high(HISTOGRAM_EXACT), HISTOGRAM_EXACT + 1);
}

Test(histogram, memory_follows_the_largest_value)
{
	struct histogram histogram = {0};

	cr_assert_eq(histogram_add(&histogram, 5), 0);
	cr_expect_leq(histogram.buckets, HISTOGRAM_EXACT);
	cr_assert_eq(histogram_add(&histogram, UINT64_MAX), 0);
	cr_expect_leq(histogram.buckets * sizeof(histogram.count[0]), 450 * 1024);
	cr_assert_eq(histogram_add(&histogram, 5), 0);
	cr_expect_eq(histogram.count[5], 2);
	cr_expect_eq(histogram.count[histogram_bucket(UINT64_MAX)], 1);
	histogram_free(&histogram);
}
