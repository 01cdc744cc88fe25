#include "bench/report_ticks.h"
#include "bench/stats.h"
#include "bench/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TICK "tick-"

struct ticking {
	double jitter; /* the most that a tick was off a multiple of the period */
	uint64_t lost; /* periods without a tick */
};

/* The period in the name of a benchmark; 0: it is no timer that ticks. */
static uint64_t period_of(const char *name)
{
	const char *digits = strrchr(name, '-');
	char *end;

	if (strncmp(name, TICK, strlen(TICK)) != 0)
		return 0;
	uint64_t period = strtoull(digits + 1, &end, 10);
	return *end == '\0' ? period : 0;
}

static struct ticking look_at(const struct result_bench *bench, uint64_t period)
{
	struct ticking ticking = {.lost = 0};

	for (size_t i = 0; i < bench->samples; i++) {
		uint64_t passed = (bench->ticks[i] + period / 2) / period;
		uint64_t periods = passed == 0 ? 1 : passed;
		ticking.lost += periods - 1;
		ticking.jitter = fmax(ticking.jitter,
				      fabs((double)bench->ticks[i] - (double)(periods * period)));
	}
	return ticking;
}

static void put_row(struct table *table, const struct result_stack *stack,
		    const struct result_bench *bench, uint64_t period)
{
	struct ticking ticking = look_at(bench, period);

	table_cell(table, "%s", bench->name);
	table_cell(table, "%s", stack->name);
	table_cell(table, "%" PRIu64, period);
	table_number(table, stats_median(bench->ticks, bench->samples));
	table_number(table, ticking.jitter);
	table_cell(table, "%zu", bench->samples);
	table_cell(table, "%" PRIu64, ticking.lost);
}

/* The benchmark on all stacks, from the first that has it on. */
static void put_benchmark(struct table *table, const struct results *results, const char *name,
			  uint64_t period)
{
	for (size_t i = 0; i < results->stacks; i++) {
		const struct result_stack *stack = &results->stack[i];
		const struct result_bench *bench = results_bench(stack, name);
		if (bench != NULL && stack->probe_of[0] == '\0')
			put_row(table, stack, bench, period);
	}
}

int report_ticks(const struct results *results, FILE *out, unsigned width)
{
	const struct result_stack *first = results->stack;
	struct table table;
	bool begun = false;

	for (size_t i = 0; results->stacks > 0 && i < first->benches; i++) {
		uint64_t period = period_of(first->bench[i].name);
		if (period == 0)
			continue;
		if (!begun)
			table_begin(&table, "<timer|<stack|period|median|jitter|ticks|lost");
		begun = true;
		put_benchmark(&table, results, first->bench[i].name, period);
	}
	if (!begun)
		return 0;
	fprintf(out,
		"\nFrom one tick of a timer to the next, in %s; jitter is the most that one was\n"
		"off a multiple of the period, and a period without a tick is lost:\n\n",
		results_property(results, "unit"));
	return table_print(&table, out, width);
}
