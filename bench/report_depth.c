#include "bench/report_depth.h"
#include "bench/analysis.h"
#include "bench/table.h"

#include <stdbool.h>
#include <string.h>

/* The stacks of one workload, in the order of the experiment. */
struct group {
	const struct result_stack *stack[TABLE_MAX_COLUMNS - 1];
	unsigned stacks;
	unsigned deepest; /* hypervisors under it */
};

static bool leads(const struct results *results, size_t number)
{
	for (size_t i = 0; i < number; i++)
		if (analysis_same_workload(&results->stack[i], &results->stack[number]))
			return false;
	return true;
}

static struct group gather(const struct results *results, const struct matrix *matrix,
			   const struct result_stack *leader)
{
	struct group group = {0};
	const struct matrix_group *of;

	for (size_t i = 0; i < results->stacks && group.stacks < TABLE_MAX_COLUMNS - 1; i++) {
		const struct result_stack *stack = &results->stack[i];
		if (stack->probe_of[0] != '\0' || !analysis_same_workload(stack, leader) ||
		    matrix_cell(matrix, stack, &of) != NULL)
			continue;
		group.stack[group.stacks++] = stack;
		if (stack->depth > group.deepest)
			group.deepest = stack->depth;
	}
	return group;
}

/* The first of the group that has the benchmark: there its row is made. */
static unsigned first_with(const struct group *group, const char *name)
{
	unsigned i = 0;

	while (results_bench(group->stack[i], name) == NULL)
		i++;
	return i;
}

static void put_row(struct table *table, const struct group *group, const char *name)
{
	table_cell(table, "%s", name);
	for (unsigned i = 0; i < group->stacks; i++) {
		const struct result_bench *bench = results_bench(group->stack[i], name);
		if (bench == NULL)
			table_none(table);
		else
			table_number(table, analysis_ticks(group->stack[i], bench));
	}
}

static int print_ticks(const struct group *group, const char *unit, FILE *out, unsigned width)
{
	char headings[TABLE_MAX_COLUMNS * (STACK_MAX_NAME + 1)] = "<benchmark";
	size_t used = strlen(headings);
	struct table table;

	fprintf(out, "\nThe same by depth, %s per operation:\n\n", unit);
	for (unsigned i = 0; i < group->stacks; i++)
		used += (size_t)snprintf(headings + used, sizeof(headings) - used, "|%s",
					 group->stack[i]->name);
	table_begin(&table, headings);
	for (unsigned i = 0; i < group->stacks; i++)
		for (size_t j = 0; j < group->stack[i]->benches; j++) {
			const char *name = group->stack[i]->bench[j].name;
			if (first_with(group, name) == i)
				put_row(&table, group, name);
		}
	return table_print(&table, out, width);
}

int report_depth(const struct results *results, const struct matrix *matrix, FILE *out,
		 unsigned width)
{
	int failed = 0;

	for (size_t i = 0; i < results->stacks; i++) {
		struct group group;
		if (!leads(results, i))
			continue;
		group = gather(results, matrix, &results->stack[i]);
		if (group.deepest >= 2)
			failed |=
				print_ticks(&group, results_property(results, "unit"), out, width);
	}
	return failed;
}
