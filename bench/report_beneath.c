#include "bench/report_beneath.h"
#include "bench/analysis.h"
#include "bench/kvm_level.h"
#include "bench/table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define OBSERVED " observe=on"

/* What KVM did for one operation of a benchmark. */
struct beneath {
	double exits, ticks; /* of KVM's own */
	double above;	     /* exits that the level above recorded */
};

static struct beneath add_up(const struct result_stack *stack, const struct result_bench *bench)
{
	double operations = result_operations(bench);
	struct beneath sum = {0};

	for (size_t i = 0; i < bench->exits; i++) {
		const struct exit_sum *exit = &bench->exit[i];
		if (exit->level == stack->base)
			sum.above += (double)exit->count / operations;
		if (exit->level >= stack->base)
			continue;
		sum.exits += (double)exit->count / operations;
		sum.ticks += (double)exit->handled_ticks / operations;
	}
	return sum;
}

static void name_exits(struct table *table, const struct result_stack *stack,
		       const struct result_bench *bench)
{
	char text[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < bench->exits && used < sizeof(text); i++) {
		const struct exit_sum *exit = &bench->exit[i];
		if (exit->level < stack->base)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %.3g",
						 used == 0 ? "" : ", ",
						 exit_reason_name(exit->reason),
						 (double)exit->count / result_operations(bench));
	}
	table_cell(table, "%s", used == 0 ? "-" : text);
}

static bool is_observed(const struct result_stack *stack)
{
	for (size_t i = 0; i < stack->outsides; i++)
		if (stack->outside[i].level < stack->base)
			return true;
	for (size_t i = 0; i < stack->benches; i++)
		if (add_up(stack, &stack->bench[i]).exits > 0)
			return true;
	return false;
}

/* Its KVM was to be observed. */
static bool wants_observing(const struct result_stack *stack)
{
	struct vmfee_error err = {0};
	struct stack levels;
	struct kvm_level level;

	return stack_parse(&levels, stack->notation, &err) == 0 && kvm_level_is(&levels) &&
	       kvm_level_parse(&level, levels.level[0].cmdline, &err) == 0 && level.observe;
}

/* The stack that differs in that nobody observes its KVM, or NULL. */
static const struct result_stack *unobserved(const struct results *results,
					     const struct result_stack *stack)
{
	char notation[RESULTS_MAX_TEXT + 1];
	char *word;

	snprintf(notation, sizeof(notation), "%s", stack->notation);
	word = strstr(notation, OBSERVED);
	if (word == NULL)
		return NULL;
	memmove(word, word + strlen(OBSERVED), strlen(word + strlen(OBSERVED)) + 1);
	for (size_t i = 0; i < results->stacks; i++)
		if (strcmp(results->stack[i].notation, notation) == 0)
			return &results->stack[i];
	return NULL;
}

static void print_overhead(const struct result_stack *stack, const struct result_stack *quiet,
			   const char *unit, FILE *out)
{
	double exits = 0, ticks = 0;

	for (size_t i = 0; i < stack->benches; i++) {
		const struct result_bench *bench = &stack->bench[i];
		const struct result_bench *same = results_bench(quiet, bench->name);
		double each = add_up(stack, bench).exits;
		/* Fewer than one are of the kernel's own doing, and not in the median. */
		if (same == NULL || each < 1)
			continue;
		exits += each;
		ticks += analysis_ticks(stack, bench) - analysis_ticks(quiet, same);
	}
	if (exits > 0)
		fprintf(out,
			"Observing takes %.1f %s an exit of KVM's: the difference to %s, all "
			"benchmarks.\n",
			ticks / exits, unit, quiet->name);
}

int report_beneath(const struct results *results, const struct result_stack *stack, FILE *out,
		   unsigned width)
{
	const struct result_stack *quiet = unobserved(results, stack);
	const char *unit = results_property(results, "unit");
	struct table table;

	if (!is_observed(stack)) {
		if (wants_observing(stack))
			fprintf(out,
				"\nKVM was not observed beneath %s; its console.log says why.\n",
				stack->name);
		return 0;
	}
	fprintf(out, "\nWhat KVM did beneath %s, for each operation:\n\n", stack->name);
	table_begin(&table, "<benchmark|exits above|KVM's exits|in KVM|<KVM's exits");
	for (size_t i = 0; i < stack->benches; i++) {
		const struct result_bench *bench = &stack->bench[i];
		struct beneath sum = add_up(stack, bench);
		if (sum.exits == 0)
			continue;
		table_cell(&table, "%s", bench->name);
		table_cell(&table, "%.2f", sum.above);
		table_cell(&table, "%.2f", sum.exits);
		table_number(&table, sum.ticks);
		name_exits(&table, stack, bench);
	}
	if (table_print(&table, out, width) != 0)
		return -1;
	if (quiet != NULL)
		print_overhead(stack, quiet, unit, out);
	return 0;
}
