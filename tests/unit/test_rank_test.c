#include "bench/rank_test.h"

#include <criterion/criterion.h>

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { MOST = 32 };

static void expect_near(double got, double wanted, double within)
{
	cr_expect(fabs(got - wanted) < within, "got %.14g, wanted %.14g", got, wanted);
}

/* Numbers with a fraction, as a test of samples that are none: each times scale. */
static struct rank_test test_of(const double *first, size_t firsts, const double *second,
				size_t seconds, double scale)
{
	static uint64_t ticks[2][MOST];
	struct stats_series series[] = {{ticks[0], firsts, 0, scale},
					{ticks[1], seconds, 0, scale}};
	struct rank_test test;

	cr_assert(firsts <= MOST && seconds <= MOST);
	for (size_t i = 0; i < firsts; i++)
		ticks[0][i] = (uint64_t)llround(first[i] * scale);
	for (size_t i = 0; i < seconds; i++)
		ticks[1][i] = (uint64_t)llround(second[i] * scale);
	stats_sort(ticks[0], firsts);
	stats_sort(ticks[1], seconds);
	cr_assert_eq(rank_test(&test, &series[0], &series[1]), 0);
	return test;
}

/* Hollander and Wolfe 1973, p. 69, as in R's ?wilcox.test: W = 35, one-sided p = 0.1272. */
Test(rank_test, an_exact_p_is_that_of_r)
{
	static const double x[] = {0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46};
	static const double y[] = {1.15, 0.88, 0.90, 0.74, 1.21};

	struct rank_test test = test_of(y, COUNT(y), x, COUNT(x), 100);
	cr_expect(test.exact);
	expect_near(test.u, 35, 1e-12);
	expect_near(test.p, 0.2544122544123, 1e-12);
	expect_near(test.delta, 2 * 35.0 / 50 - 1, 1e-12);

	struct rank_test other = test_of(x, COUNT(x), y, COUNT(y), 100);
	expect_near(other.u, 15, 1e-12);
	expect_near(other.p, test.p, 1e-12);
	expect_near(other.delta, -test.delta, 1e-12);
}

/*
 * The distribution of U for m and n samples: Mann and Whitney, Ann. Math. Statist. 18 (1947), p.
 * 52, to three digits.  A pair of series with that U: m ones that move past u of the n others.
 */
Test(rank_test, the_distribution_of_u_is_mann_and_whitneys_table)
{
	static const struct {
		size_t m, n, u;
		double p;
	} rows[] = {
		{1, 3, 0, 0.25},   {2, 3, 1, 0.2},   {3, 3, 0, 0.05},  {3, 3, 4, 0.5},
		{2, 4, 1, 0.133},  {4, 4, 3, 0.1},   {4, 4, 7, 0.443}, {5, 5, 2, 0.016},
		{5, 5, 8, 0.21},   {4, 5, 4, 0.095}, {6, 6, 5, 0.021}, {6, 6, 12, 0.197},
		{6, 6, 17, 0.469}, {5, 6, 9, 0.165},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		double first[MOST], second[MOST];
		size_t left = rows[i].u;
		/* Each sample of the second stands above as many of the first as are left over. */
		for (size_t j = 0; j < rows[i].m; j++)
			first[j] = (double)(100 * (j + 1));
		for (size_t j = 0; j < rows[i].n; j++) {
			size_t over = left < rows[i].m ? left : rows[i].m;
			second[j] = (double)(100 * over) + 50 - (double)j;
			left -= over;
		}
		struct rank_test test = test_of(first, rows[i].m, second, rows[i].n, 1);
		cr_expect(test.exact);
		expect_near(test.u, (double)rows[i].u, 1e-12);
		expect_near(test.p, 2 * rows[i].p, 0.0011);
	}
}

/* R's wilcox.test(x, y, exact=FALSE), as quoted by scipy's test_tie_correct. */
Test(rank_test, ties_widen_the_normal_p_as_in_r)
{
	static const double x[] = {1, 2, 3, 4};
	static const struct {
		double y[5], u, p;
	} rows[] = {
		{{1, 1.99, 3, 3.99, 5}, 9, 0.9017048037317},
		{{1, 2, 2.99, 4, 5}, 8.5, 0.804080657472},
		{{1, 2, 3, 4, 5}, 8, 0.7086240584439},
		{{1, 2, 3.01, 4, 5}, 7.5, 0.6197963884941},
		{{1, 2.01, 3, 4.01, 5}, 7, 0.5368784563079},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rank_test test = test_of(rows[i].y, 5, x, 4, 100);
		cr_expect_not(test.exact);
		expect_near(test.u, rows[i].u, 1e-12);
		expect_near(test.p, rows[i].p, 1e-12);
	}
}

/* scipy's test_gh_11355b, its infinities replaced by a number that is larger than all others. */
Test(rank_test, many_ties)
{
	static const double x[] = {1, 2, 3, 4};
	static const double y[] = {3, 6, 7, 8, 99, 3, 2, 1, 4, 4, 5};
	static const double few[] = {1, 99, 99, 4};
	static const double more[] = {3, 6, 7, 8, 99, 99, 2, 1, 4, 4, 5};

	struct rank_test test = test_of(y, COUNT(y), x, COUNT(x), 1);
	expect_near(test.u, 10, 1e-12);
	expect_near(test.p, 0.1297704873477, 1e-12);
	test = test_of(more, COUNT(more), few, COUNT(few), 1);
	expect_near(test.u, 24.5, 1e-12);
	expect_near(test.p, 0.7912517950119, 1e-12);
}

Test(rank_test, what_does_not_differ_has_a_p_of_one)
{
	static const double same[] = {7, 7, 7};
	static const double even[] = {1, 2, 3}, odd[] = {1.5, 2.5};

	struct rank_test test = test_of(same, 3, same, 3, 1);
	expect_near(test.p, 1, 1e-12);
	expect_near(test.delta, 0, 1e-12);
	/* U is its mean: both sides have more than half. */
	test = test_of(odd, 2, even, 3, 10);
	expect_near(test.u, 3, 1e-12);
	expect_near(test.p, 1, 1e-12);
	test = test_of(same, 1, odd, 1, 10);
	expect_near(test.p, 1, 1e-12);
}

Test(rank_test, samples_are_compared_by_operation)
{
	static const uint64_t one[] = {110, 120, 130}, ten[] = {1010, 1020, 1030};
	/* 100, 110, 120 against 100, 101, 102. */
	const struct stats_series first = {one, 3, 10, 1}, second = {ten, 3, 10, 10};
	struct rank_test test;

	cr_assert_eq(rank_test(&test, &first, &second), 0);
	expect_near(test.u, 2.5, 1e-12);
}

Test(rank_test, too_few_samples_can_be_told)
{
	expect_near(rank_test_least_p(1, 1), 1, 1e-12);
	expect_near(rank_test_least_p(3, 3), 0.1, 1e-12);
	expect_near(rank_test_least_p(4, 4), 2 / 70.0, 1e-12);
	expect_near(rank_test_least_p(4, 6), 2 / 210.0, 1e-12);
	cr_expect(rank_test_least_p(1000, 1000) < 1e-300);
}

/* Wikipedia's, "Holm-Bonferroni method": 0.01, 0.04, 0.03, 0.005. */
Test(rank_test, holms_correction)
{
	double p[] = {0.01, 0.04, 0.03, 0.005};

	cr_assert_eq(rank_test_holm(p, COUNT(p)), 0);
	expect_near(p[0], 0.03, 1e-12);
	expect_near(p[1], 0.06, 1e-12);
	expect_near(p[2], 0.06, 1e-12);
	expect_near(p[3], 0.02, 1e-12);
	double large[] = {0.7, 0.6};
	cr_assert_eq(rank_test_holm(large, COUNT(large)), 0);
	expect_near(large[0], 1, 1e-12);
	cr_expect_eq(rank_test_holm(NULL, 0), 0);
}

Test(rank_test, an_effect_has_a_name)
{
	cr_expect_str_eq(rank_test_effect(0.146), "negligible");
	cr_expect_str_eq(rank_test_effect(-0.147), "small");
	cr_expect_str_eq(rank_test_effect(0.33), "medium");
	cr_expect_str_eq(rank_test_effect(-0.474), "large");
}
