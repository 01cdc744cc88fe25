#include "bench/report_tlb.h"
#include "bench/crossover.h"
#include "bench/table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

int report_tlb(const struct analysis *analysis, FILE *out, unsigned width)
{
	const struct result_stack *stack = analysis->stack;
	uint64_t exits = stack->observed_outside.exits;
	struct table table;

	table_begin(&table, "<benchmark|exits/op|TLB refills/op|walk refs/op|refs/refill|modelled "
			    "ticks/op");
	for (size_t i = 0; i < analysis->rows; i++) {
		const struct analysis_row *row = &analysis->row[i];
		if (row->bench == NULL)
			continue;
		exits += row->bench->observed.exits;
		table_cell(&table, "%s", row->name);
		table_cell(&table, "%.2f", row->exits_per_op);
		table_cell(&table, "%.3f", row->refills_per_op);
		table_cell(&table, "%.3f", row->references_per_op);
		if (row->refills_per_op > 0)
			table_number(&table, row->references_per_op / row->refills_per_op);
		else
			table_none(&table);
		table_number(&table, crossover_cost(stack, row->name));
	}
	fprintf(out, "\nThe TLB of %s, modelled as %s:\n  %s.\n\n", stack->name, stack->tlb.name,
		stack->tlb.title);
	int failed = table_print(&table, out, width);
	fprintf(out,
		"Modelled ticks: a reference of a walk is taken to cost %" PRIu32
		".\nThe observatory's own %" PRIu64 " exits are in no other table.\n",
		stack->tlb.reference, exits);
	return failed;
}

/* A number as the names of a family have it, with a fraction. */
static void name_number(struct table *table, double number)
{
	if (number >= 1024 * 1024)
		table_cell(table, "%.1fm", number / (1024 * 1024));
	else if (number >= 10 * 1024)
		table_cell(table, "%.1fk", number / 1024);
	else
		table_cell(table, "%.0f", number);
}

/* Who is cheaper at a member; "-" where nobody is. */
static void name_cheaper(struct table *table, const struct result_stack *a,
			 const struct result_stack *b, const char *benchmark)
{
	double excess = crossover_cost(a, benchmark) - crossover_cost(b, benchmark);

	if (isnan(excess) || excess == 0)
		table_none(table);
	else
		table_cell(table, "%s", excess < 0 ? a->name : b->name);
}

static void put_pair(struct table *table, const struct family *family, const struct result_stack *a,
		     const struct result_stack *b)
{
	struct crossover crossover;
	unsigned from = 0;
	bool any = false;

	while (crossover_next(family, a, b, from, &crossover)) {
		table_cell(table, "%s", family->name);
		table_cell(table, "%s", a->name);
		table_cell(table, "%s", b->name);
		name_cheaper(table, a, b, family->member[crossover.after].name);
		name_number(table, crossover.number);
		table_cell(table, "%s", crossover.first_then ? a->name : b->name);
		from = crossover.after + 1;
		any = true;
	}
	if (any)
		return;
	table_cell(table, "%s", family->name);
	table_cell(table, "%s", a->name);
	table_cell(table, "%s", b->name);
	name_cheaper(table, a, b, family->member[0].name);
	table_none(table);
	name_cheaper(table, a, b, family->member[family->members - 1].name);
}

static bool comparable(const struct result_stack *a, const struct result_stack *b)
{
	return analysis_is_observed(a) && analysis_is_observed(b) &&
	       strcmp(a->tlb.name, b->tlb.name) == 0;
}

static void put_family(struct table *table, const struct family *family,
		       const struct results *results)
{
	for (size_t i = 0; i < results->stacks; i++)
		for (size_t j = i + 1; j < results->stacks; j++)
			if (comparable(&results->stack[i], &results->stack[j]))
				put_pair(table, family, &results->stack[i], &results->stack[j]);
}

/* The first stack that can be compared with another; NULL if there is none. */
static const struct result_stack *first_comparable(const struct results *results)
{
	for (size_t i = 0; i < results->stacks; i++)
		for (size_t j = i + 1; j < results->stacks; j++)
			if (comparable(&results->stack[i], &results->stack[j]))
				return &results->stack[i];
	return NULL;
}

int report_crossovers(const struct results *results, FILE *out, unsigned width)
{
	const struct result_stack *stack = first_comparable(results);
	struct family family;
	struct table table;
	size_t i = 0;

	while (stack != NULL && i < stack->benches && !family_find(&family, stack, i))
		i++;
	if (stack == NULL || i == stack->benches)
		return 0;
	fprintf(out, "\nWhere one stack overtakes another, in modelled ticks per operation:\n\n");
	table_begin(&table, "<family|<of|<and|<cheaper before|crossover|<cheaper behind");
	for (; i < stack->benches; i++)
		if (family_find(&family, stack, i))
			put_family(&table, &family, results);
	return table_print(&table, out, width);
}
