#include "bench/compare.h"
#include "bench/platform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Ticks on Bochs are counts, of one processor: every run has the same. */
static bool repeats_itself(const struct results *results, const struct result_stack *stack)
{
	const struct platform *platform = platform_find(results_property(results, "platform"));

	return platform != NULL && platform->machine == PLATFORM_BOCHS && stack->cpus <= 1;
}

/* Everything else has the harness subtracted, which therefore is compared by itself. */
static struct stats_series series_of(const struct result_stack *stack,
				     const struct result_bench *bench)
{
	const struct result_bench *empty = results_bench(stack, "empty");

	return (struct stats_series){.sorted = bench->ticks,
				     .count = bench->samples,
				     .offset = bench == empty ? 0 : (double)empty->ticks[0],
				     .operations = (double)bench->ops};
}

static double median_of(const struct stats_series *series)
{
	return (stats_median(series->sorted, series->count) - series->offset) / series->operations;
}

static bool same_samples(const struct stats_series *before, const struct stats_series *after)
{
	if (before->count != after->count)
		return false;
	for (size_t i = 0; i < before->count; i++)
		if (stats_value(before, i) != stats_value(after, i))
			return false;
	return true;
}

/* Whether a row has an exit that the other one has not, or not as often. */
static bool lacks_exit(const struct analysis_row *row, const struct analysis_row *other)
{
	for (unsigned i = 0; i < row->exits; i++) {
		double per_op = 0;
		for (unsigned j = 0; j < other->exits; j++)
			if (other->exit[j].reason == row->exit[i].reason)
				per_op = other->exit[j].per_op;
		if (per_op != row->exit[i].per_op)
			return true;
	}
	return false;
}

static int fill_row(struct comparison *comparison, struct compare_row *row)
{
	const struct result_stack *stacks[] = {comparison->before.stack, comparison->after.stack};
	struct stats_series before = series_of(stacks[0], row->before->bench);
	struct stats_series after = series_of(stacks[1], row->after->bench);

	row->before_ticks = median_of(&before);
	row->after_ticks = median_of(&after);
	row->counted = (stacks[0]->traced || stacks[0]->depth == 0) &&
		       (stacks[1]->traced || stacks[1]->depth == 0);
	row->told = true;
	row->holm = 1;
	if (comparison->exact) {
		row->same = same_samples(&before, &after) &&
			    !(row->counted && (lacks_exit(row->before, row->after) ||
					       lacks_exit(row->after, row->before)));
		return 0;
	}
	if (stats_difference_interval(&before, &after, &row->interval) != 0 ||
	    rank_test(&row->test, &before, &after) != 0)
		return -1;
	row->holm = row->test.p;
	return 0;
}

static const struct analysis_row *find_row(const struct analysis *analysis, const char *name)
{
	for (size_t i = 0; i < analysis->rows; i++)
		if (analysis->row[i].bench != NULL && strcmp(analysis->row[i].name, name) == 0)
			return &analysis->row[i];
	return NULL;
}

static int fill(struct comparison *comparison)
{
	const struct analysis *before = &comparison->before;
	const struct analysis *after = &comparison->after;

	for (size_t i = 0; i < before->rows; i++) {
		struct compare_row *row = &comparison->row[comparison->rows];
		if (before->row[i].bench == NULL)
			continue;
		row->name = before->row[i].name;
		row->before = &before->row[i];
		row->after = find_row(after, row->name);
		comparison->rows++;
		if (row->after != NULL && fill_row(comparison, row) != 0)
			return -1;
	}
	for (size_t i = 0; i < after->rows; i++)
		if (after->row[i].bench != NULL && find_row(before, after->row[i].name) == NULL)
			comparison->row[comparison->rows++] = (struct compare_row){
				.name = after->row[i].name, .after = &after->row[i]};
	return 0;
}

int compare_stacks(struct comparison *comparison, const struct results *before,
		   const struct result_stack *before_stack, const struct results *after,
		   const struct result_stack *after_stack, struct vmfee_error *err)
{
	*comparison = (struct comparison){.exact = repeats_itself(before, before_stack) &&
						   repeats_itself(after, after_stack)};
	if (analyse(&comparison->before, before, before_stack, err) != 0 ||
	    analyse(&comparison->after, after, after_stack, err) != 0)
		return -1;
	comparison->row = calloc(comparison->before.rows + comparison->after.rows + 1,
				 sizeof(comparison->row[0]));
	if (comparison->row == NULL || fill(comparison) != 0)
		return vmfee_fail_errno(err, "comparison of %s", before_stack->name);
	return 0;
}

static bool is_tested(const struct comparison *comparison, const struct compare_row *row)
{
	return !comparison->exact && row->before != NULL && row->after != NULL;
}

int compare_correct(struct comparison *comparisons, size_t count, struct vmfee_error *err)
{
	size_t most = 0;
	size_t tests = 0;

	for (size_t i = 0; i < count; i++)
		most += comparisons[i].rows;
	double *p = calloc(most + 1, sizeof(p[0]));
	struct compare_row **row = calloc(most + 1, sizeof(struct compare_row *));
	for (size_t i = 0; i < count && p != NULL && row != NULL; i++)
		for (size_t j = 0; j < comparisons[i].rows; j++)
			if (is_tested(&comparisons[i], &comparisons[i].row[j])) {
				row[tests] = &comparisons[i].row[j];
				p[tests] = row[tests]->test.p;
				tests++;
			}
	int failed = p == NULL || row == NULL || rank_test_holm(p, tests) != 0;
	for (size_t i = 0; !failed && i < tests; i++) {
		double least = rank_test_least_p(row[i]->before->bench->samples,
						 row[i]->after->bench->samples);
		row[i]->holm = p[i];
		row[i]->told = least * (double)tests < COMPARE_LEVEL;
	}
	free(p);
	free(row);
	return failed ? vmfee_fail(err, VMFEE_SYSTEM, "out of memory for the comparison") : 0;
}

void compare_free(struct comparison *comparison)
{
	analysis_free(&comparison->before);
	analysis_free(&comparison->after);
	free(comparison->row);
	*comparison = (struct comparison){0};
}

int compare_units(const struct results *before, const struct results *after,
		  struct vmfee_error *err)
{
	const char *units[] = {results_property(before, "unit"), results_property(after, "unit")};

	if (strcmp(units[0], units[1]) == 0)
		return 0;
	return vmfee_fail(err, VMFEE_USAGE,
			  "these runs cannot be compared: one is in %s, the other in %s", units[0],
			  units[1]);
}

double compare_change(double before, double after)
{
	if (before == after)
		return 0;
	/* Of a measurement that is less than the harness, no share can be told. */
	if (before <= 0)
		return after > before ? (double)INFINITY : (double)-INFINITY;
	return 100 * (after - before) / before;
}

static enum compare_verdict direction(double before, double after)
{
	if (before == after)
		return COMPARE_SAME;
	return after < before ? COMPARE_LESS : COMPARE_MORE;
}

enum compare_verdict compare_verdict(const struct comparison *comparison,
				     const struct compare_row *row)
{
	if (row->after == NULL)
		return COMPARE_GONE;
	if (row->before == NULL)
		return COMPARE_NEW;
	if (!comparison->exact) {
		/* What the test is about; medians may be the same, or differ the other way. */
		if (row->holm < COMPARE_LEVEL)
			return direction(0, row->test.delta);
		return row->told || row->test.delta == 0 ? COMPARE_SAME : COMPARE_UNTOLD;
	}
	enum compare_verdict ticks = direction(row->before_ticks, row->after_ticks);
	if (row->same || ticks != COMPARE_SAME)
		return ticks;
	if (row->counted && row->before->exits_per_op != row->after->exits_per_op)
		return direction(row->before->exits_per_op, row->after->exits_per_op);
	return COMPARE_OTHER;
}

bool compare_fails(const struct comparison *comparison, const struct compare_row *row,
		   double percent)
{
	enum compare_verdict verdict = compare_verdict(comparison, row);

	if (verdict == COMPARE_GONE || verdict == COMPARE_NEW)
		return verdict == COMPARE_GONE;
	bool more = compare_change(row->before_ticks, row->after_ticks) > percent;
	if (!comparison->exact)
		return more && (verdict == COMPARE_MORE || verdict == COMPARE_UNTOLD);
	return more || (row->counted && compare_change(row->before->exits_per_op,
						       row->after->exits_per_op) > percent);
}
