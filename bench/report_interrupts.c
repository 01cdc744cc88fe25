#include "bench/report_interrupts.h"
#include "bench/report_exits.h"

#include <stdlib.h>
#include <string.h>

/* The benchmark that goes through the end of what `name` begins; NULL where there is none. */
static const struct result_bench *find_whole(const struct result_stack *stack, const char *name)
{
	size_t stem = strlen(name) - strlen(LATENCY_MARK);
	char whole[STACK_MAX_NAME + sizeof("-whole")];

	if (strcmp(name + stem, LATENCY_MARK) != 0)
		return NULL;
	snprintf(whole, sizeof(whole), "%.*s-whole", (int)stem, name);
	const struct result_bench *bench = results_bench(stack, whole);
	whole[stem] = '\0';
	return bench != NULL ? bench : results_bench(stack, whole);
}

static void put_row(struct table *table, const struct result_stack *stack,
		    const struct analysis_row *row)
{
	const struct result_bench *whole = find_whole(stack, row->name);

	table_cell(table, "%s", row->name);
	table_cell(table, "%s", stack->name);
	table_number(table, row->ticks);
	if (whole == NULL)
		table_none(table);
	else
		table_number(table, analysis_ticks(stack, whole));
	if (stack->traced)
		table_cell(table, "%.2f", row->exits_per_op);
	else
		table_none(table);
	report_exits_per_op(table, row);
}

/* The benchmark `name` on all stacks. */
static void put_benchmark(struct table *table, const struct analysis *analyses, size_t stacks,
			  const char *name)
{
	for (size_t i = 0; i < stacks; i++)
		for (size_t j = 0; j < analyses[i].rows; j++) {
			const struct analysis_row *row = &analyses[i].row[j];
			if (strcmp(row->name, name) == 0 && row->bench != NULL)
				put_row(table, analyses[i].stack, row);
		}
}

static bool knows(const struct analysis *analysis, const char *name)
{
	for (size_t i = 0; i < analysis->rows; i++)
		if (strcmp(analysis->row[i].name, name) == 0)
			return true;
	return false;
}

/* Whether an interrupt is the first of its name. */
static bool is_new(const struct analysis *analyses, size_t before, const char *name)
{
	for (size_t i = 0; i < before; i++)
		if (knows(&analyses[i], name))
			return false;
	return strstr(name, LATENCY_MARK) != NULL;
}

static int print_table(const struct analysis *analyses, size_t stacks, const char *unit, FILE *out,
		       unsigned width)
{
	struct table table;
	bool begun = false;

	for (size_t i = 0; i < stacks; i++)
		for (size_t j = 0; j < analyses[i].rows; j++) {
			const char *name = analyses[i].row[j].name;
			if (!is_new(analyses, i, name))
				continue;
			if (!begun)
				table_begin(&table, "<interrupt|<stack|to handler|through EOI|"
						    "exits|<exits of one interrupt");
			begun = true;
			put_benchmark(&table, analyses, stacks, name);
		}
	if (!begun)
		return 0;
	fprintf(out, "\nInterrupts, %s from the source to the handler, and through its end:\n\n",
		unit);
	return table_print(&table, out, width);
}

int report_interrupts(const struct results *results, FILE *out, unsigned width)
{
	struct analysis *analyses = calloc(results->stacks, sizeof(analyses[0]));
	struct vmfee_error err = {0};
	size_t stacks = 0;
	int failed = analyses == NULL ? -1 : 0;

	for (size_t i = 0; !failed && i < results->stacks; i++)
		if (results->stack[i].probe_of[0] == '\0')
			failed = analyse(&analyses[stacks++], results, &results->stack[i], &err);
	if (!failed && stacks > 0)
		failed = print_table(analyses, stacks, results_property(results, "unit"), out,
				     width);
	for (size_t i = 0; i < stacks; i++)
		analysis_free(&analyses[i]);
	free(analyses);
	return failed;
}
