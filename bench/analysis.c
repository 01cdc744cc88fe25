#include "bench/analysis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATOR " / "

/* What the harness itself takes, in ticks of a sample: no stack has benchmarks without `empty`. */
static double harness_ticks(const struct result_stack *stack)
{
	return (double)results_bench(stack, "empty")->ticks[0];
}

static double per_op(const struct result_stack *stack, const struct result_bench *bench,
		     double ticks)
{
	return (ticks - harness_ticks(stack)) / (double)bench->ops;
}

double analysis_ticks(const struct result_stack *stack, const struct result_bench *bench)
{
	return per_op(stack, bench, stats_median(bench->ticks, bench->samples));
}

/* What stands on top: the last level, up to its parameters. */
static const char *workload(const struct result_stack *stack, size_t *length)
{
	const char *name = stack->notation;

	for (const char *next = strstr(name, SEPARATOR); next != NULL;
	     next = strstr(name, SEPARATOR))
		name = next + strlen(SEPARATOR);
	*length = strcspn(name, " ");
	return name;
}

bool analysis_same_workload(const struct result_stack *a, const struct result_stack *b)
{
	size_t length_a, length_b;
	const char *name_a = workload(a, &length_a);
	const char *name_b = workload(b, &length_b);

	return a->cpus == b->cpus && length_a == length_b && memcmp(name_a, name_b, length_a) == 0;
}

const struct result_stack *analysis_native(const struct results *results,
					   const struct result_stack *stack)
{
	for (size_t i = 0; i < results->stacks; i++)
		if (results->stack[i].depth == 0 && results->stack[i].probe_of[0] == '\0' &&
		    analysis_same_workload(&results->stack[i], stack))
			return &results->stack[i];
	return NULL;
}

bool analysis_is_column(const struct results *results, const struct result_stack *stack)
{
	for (size_t i = 0; i < results->stacks; i++)
		if (&results->stack[i] != stack &&
		    analysis_native(results, &results->stack[i]) == stack)
			return true;
	return false;
}

bool analysis_in_tables(const struct results *results, const struct result_stack *stack)
{
	return stack->probe_of[0] == '\0' && !analysis_is_column(results, stack);
}

static const struct result_stack *probe_of(const struct results *results,
					   const struct result_stack *stack)
{
	for (size_t i = 0; i < results->stacks; i++)
		if (strcmp(results->stack[i].probe_of, stack->name) == 0)
			return &results->stack[i];
	return NULL;
}

/* The row's entry for a reason, in the order of reasons; NULL where there is no room. */
static struct analysis_exit *row_exit(struct analysis_row *row, uint16_t reason)
{
	unsigned i = 0;

	while (i < row->exits && row->exit[i].reason < reason)
		i++;
	if (i < row->exits && row->exit[i].reason == reason)
		return &row->exit[i];
	if (row->exits == ANALYSIS_MAX_EXITS)
		return NULL;
	memmove(&row->exit[i + 1], &row->exit[i], (row->exits - i) * sizeof(row->exit[0]));
	row->exits++;
	row->exit[i] = (struct analysis_exit){.reason = reason};
	return &row->exit[i];
}

static void count_exits(struct analysis_row *row, unsigned base)
{
	const struct result_bench *bench = row->bench;
	double operations = result_operations(bench);

	for (size_t i = 0; i < bench->exits; i++) {
		if (bench->exit[i].level != base)
			continue;
		struct analysis_exit *exit = row_exit(row, bench->exit[i].reason);
		if (exit == NULL)
			continue;
		exit->seen += bench->exit[i].count;
		row->exits_per_op += (double)bench->exit[i].count / operations;
	}
	for (unsigned i = 0; i < row->exits; i++)
		row->exit[i].per_op = (double)row->exit[i].seen / operations;
}

/*
 * What a guest expects holds under one hypervisor that has its switches at their defaults: natively
 * there are no exits, and deeper down the lowest level also sees those of the hypervisors above it.
 */
static void hold_against_expectation(struct analysis_row *row, const struct result_stack *stack)
{
	const struct result_bench *bench = row->bench;

	if (bench->any_exits || stack->depth - stack->base != 1 || !stack->traced ||
	    !stack->default_switches)
		return;
	row->compared = true;
	for (unsigned i = 0; i < bench->expected; i++) {
		struct analysis_exit *exit = row_exit(row, bench->expect[i].reason);
		if (exit != NULL)
			exit->expected += bench->expect[i].per_op * bench->ops * bench->samples;
	}
}

const struct analysis_exit *analysis_disagreement(const struct analysis_row *row,
						  const struct analysis_exit *after)
{
	const struct analysis_exit *exit = after == NULL ? row->exit : after + 1;

	for (; row->compared && exit < row->exit + row->exits; exit++)
		if (exit->seen != exit->expected)
			return exit;
	return NULL;
}

static uint64_t shorter(const struct exit_sum *sum, size_t sums, unsigned base, uint64_t shortest)
{
	for (size_t i = 0; i < sums; i++)
		if (sum[i].level == base && sum[i].shortest < shortest)
			shortest = sum[i].shortest;
	return shortest;
}

/*
 * What every exit of a stack takes between its stamps, whatever it is for: the cheapest one, a
 * hypercall that does nothing where there is one, takes nothing else.  0 where there are no exits.
 */
static uint64_t common_path(const struct result_stack *stack)
{
	uint64_t shortest = shorter(stack->outside, stack->outsides, stack->base, UINT64_MAX);

	for (size_t i = 0; i < stack->benches; i++)
		shortest =
			shorter(stack->bench[i].exit, stack->bench[i].exits, stack->base, shortest);
	return shortest == UINT64_MAX ? 0 : shortest;
}

/*
 * The common path of each exit is transition, what its handling takes beyond that is charged to its
 * component.  What is left of the fee was spent outside of the stamps, on the way to them and back;
 * where there was no exit at all, in the guest, on what the benchmark is about.
 */
static void split_fee(struct analysis_row *row, unsigned base, uint64_t common)
{
	const struct result_bench *bench = row->bench;
	double rest = row->fee;

	for (size_t i = 0; i < bench->exits; i++) {
		if (bench->exit[i].level != base)
			continue;
		double own = (double)(bench->exit[i].handled_ticks - bench->exit[i].count * common);
		double handled = own / result_operations(bench);
		row->part[bench->exit[i].component] += handled;
		rest -= handled;
	}
	row->part[row->exits_per_op > 0 ? FEE_TRANSITION : bench->component] += rest;
}

/*
 * Under two hypervisors or more, what the guest of the lowest one ran beyond what the workload runs
 * natively in the same window, harness and all: that is the upper hypervisors' own code.  An exit's
 * record has what the guest ran before it, so it is exact but for what was run before the first
 * exit of the window and behind the last one.
 */
static double upper_share(const struct analysis_row *row, const struct result_stack *stack)
{
	const struct result_bench *native = row->native;
	uint64_t guest = 0;

	if (stack->depth - stack->base < 2)
		return 0;
	for (size_t i = 0; i < row->bench->exits; i++)
		if (row->bench->exit[i].level == stack->base)
			guest += row->bench->exit[i].guest_ticks;
	double upper = (double)guest / result_operations(row->bench) -
		       (double)(native->end - native->begin) / result_operations(native);
	return fmax(0, fmin(upper, row->part[FEE_TRANSITION]));
}

static void price_telemetry(struct analysis_row *row, const struct result_stack *quiet)
{
	const struct result_bench *bench = results_bench(quiet, row->name);

	if (bench == NULL || row->exits_per_op == 0)
		return;
	row->probed = true;
	row->telemetry = (row->ticks - analysis_ticks(quiet, bench)) / row->exits_per_op;
}

static int fill_row(struct analysis *analysis, struct analysis_row *row,
		    const struct result_bench *bench, const struct result_stack *quiet)
{
	row->name = bench->name;
	row->bench = bench;
	row->ticks = analysis_ticks(analysis->stack, bench);
	if (stats_median_interval(bench->ticks, bench->samples, &row->interval) != 0)
		return -1;
	row->interval.low = per_op(analysis->stack, bench, row->interval.low);
	row->interval.high = per_op(analysis->stack, bench, row->interval.high);
	count_exits(row, analysis->stack->base);
	row->refills_per_op = (double)bench->observed.refills / result_operations(bench);
	row->references_per_op = (double)bench->observed.references / result_operations(bench);
	hold_against_expectation(row, analysis->stack);
	if (quiet != NULL)
		price_telemetry(row, quiet);

	if (analysis->native == NULL)
		return 0;
	row->native = results_bench(analysis->native, bench->name);
	if (row->native == NULL)
		return 0;
	row->native_ticks = analysis_ticks(analysis->native, row->native);
	row->fee = row->ticks - row->native_ticks;
	split_fee(row, analysis->stack->base, common_path(analysis->stack));
	row->upper = upper_share(row, analysis->stack);
	analysis->priced++;
	analysis->fee += row->fee;
	for (int i = 0; i < FEE_COMPONENTS; i++)
		analysis->part[i] += row->part[i];
	return 0;
}

/* A benchmark that only the native stack has. */
static void fill_native_row(struct analysis *analysis, struct analysis_row *row,
			    const struct result_bench *native)
{
	row->name = native->name;
	row->native = native;
	row->native_ticks = analysis_ticks(analysis->native, native);
}

int analyse(struct analysis *analysis, const struct results *results,
	    const struct result_stack *stack, struct vmfee_error *err)
{
	const struct result_stack *native = analysis_native(results, stack);
	const struct result_stack *quiet = probe_of(results, stack);

	if (native != NULL && native == stack)
		native = NULL;
	size_t most = stack->benches + (native == NULL ? 0 : native->benches);

	*analysis = (struct analysis){.stack = stack, .native = native};
	analysis->row = calloc(most + 1, sizeof(analysis->row[0]));
	if (analysis->row == NULL)
		return vmfee_fail_errno(err, "analysis of %s", stack->name);
	for (size_t i = 0; i < stack->benches; i++)
		if (fill_row(analysis, &analysis->row[analysis->rows++], &stack->bench[i], quiet) !=
		    0)
			return vmfee_fail_errno(err, "analysis of %s", stack->name);
	for (size_t i = 0; native != NULL && i < native->benches; i++)
		if (results_bench(stack, native->bench[i].name) == NULL)
			fill_native_row(analysis, &analysis->row[analysis->rows++],
					&native->bench[i]);
	return 0;
}

void analysis_free(struct analysis *analysis)
{
	free(analysis->row);
	*analysis = (struct analysis){0};
}
