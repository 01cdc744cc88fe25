#include "bench/rank_test.h"

#include <math.h>
#include <stdlib.h>

/* Series up to this long get an exact p. */
enum { EXACT_MOST = 20 };

/* What one walk through both series finds. */
struct ranking {
	double u;
	double ties; /* the sum of t^3 - t over all groups of t equal samples */
};

/* How many samples from `at` on have the value. */
static size_t run_length(const struct stats_series *series, size_t at, double value)
{
	size_t from = at;

	while (at < series->count && stats_value(series, at) == value)
		at++;
	return at - from;
}

/* Both series are sorted, so that what is below each value has been walked past already. */
static struct ranking rank(const struct stats_series *first, const struct stats_series *second)
{
	struct ranking ranking = {0};
	size_t i = 0;
	size_t j = 0;

	while (i < first->count || j < second->count) {
		double a = i < first->count ? stats_value(first, i) : (double)INFINITY;
		double b = j < second->count ? stats_value(second, j) : (double)INFINITY;
		double value = a < b ? a : b;
		size_t of_first = run_length(first, i, value);
		size_t of_second = run_length(second, j, value);
		double group = (double)(of_first + of_second);
		ranking.u += (double)of_second * ((double)i + (double)of_first / 2);
		ranking.ties += group * group * group - group;
		i += of_first;
		j += of_second;
	}
	return ranking;
}

/*
 * count[k * (m * n + 1) + u]: the orders of k samples of the first and so many of the second that
 * have this U, by Mann and Whitney's recurrence: the largest sample is one of the first or one of
 * the second.
 */
static void count_orders(double *count, size_t m, size_t n)
{
	size_t row = m * n + 1;

	count[0] = 1;
	for (size_t seconds = 0; seconds <= n; seconds++)
		for (size_t k = 1; k <= m; k++)
			for (size_t u = seconds; u < row; u++)
				count[k * row + u] += count[(k - 1) * row + u - seconds];
}

static int exact_p(double u, size_t m, size_t n, double *p)
{
	size_t row = m * n + 1;
	double *count = calloc((m + 1) * row, sizeof(count[0]));
	double below = 0;
	double above = 0;
	double all = 0;

	if (count == NULL)
		return -1;
	count_orders(count, m, n);
	for (size_t i = 0; i < row; i++) {
		double orders = count[m * row + i];
		all += orders;
		below += (double)i <= u ? orders : 0;
		above += (double)i >= u ? orders : 0;
	}
	free(count);
	*p = fmin(1, 2 * fmin(below, above) / all);
	return 0;
}

static double normal_p(const struct ranking *ranking, double m, double n)
{
	double all = m + n;
	double variance = m * n / 12 * (all + 1 - ranking->ties / (all * (all - 1)));
	double distance = fmax(0, fabs(ranking->u - m * n / 2) - 0.5);

	return variance <= 0 ? 1 : erfc(distance / sqrt(2 * variance));
}

int rank_test(struct rank_test *test, const struct stats_series *first,
	      const struct stats_series *second)
{
	struct ranking ranking = rank(first, second);
	double pairs = (double)first->count * (double)second->count;

	test->u = ranking.u;
	test->delta = 2 * ranking.u / pairs - 1;
	test->exact =
		ranking.ties == 0 && first->count <= EXACT_MOST && second->count <= EXACT_MOST;
	if (test->exact)
		return exact_p(ranking.u, first->count, second->count, &test->p);
	test->p = normal_p(&ranking, (double)first->count, (double)second->count);
	return 0;
}

double rank_test_least_p(size_t first, size_t second)
{
	double orders = 1;

	for (size_t i = 1; i <= second; i++)
		orders *= (double)(first + i) / (double)i;
	return fmin(1, 2 / orders);
}

static int compare_places(const void *a, const void *b)
{
	double left = **(double *const *)a;
	double right = **(double *const *)b;

	return (left > right) - (left < right);
}

int rank_test_holm(double *p, size_t count)
{
	double **place = calloc(count + 1, sizeof(place[0]));
	double most = 0;

	if (place == NULL)
		return -1;
	for (size_t i = 0; i < count; i++)
		place[i] = &p[i];
	qsort(place, count, sizeof(place[0]), compare_places);
	for (size_t i = 0; i < count; i++) {
		most = fmax(most, fmin(1, *place[i] * (double)(count - i)));
		*place[i] = most;
	}
	free(place);
	return 0;
}

const char *rank_test_effect(double delta)
{
	static const struct {
		double below;
		const char *name;
	} sizes[] = {{0.147, "negligible"}, {0.33, "small"}, {0.474, "medium"}};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (fabs(delta) < sizes[i].below)
			return sizes[i].name;
	return "large";
}
