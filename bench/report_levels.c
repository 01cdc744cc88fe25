#include "bench/report_levels.h"
#include "bench/report_exits.h"
#include "bench/table.h"

#include <stdbool.h>

/* What the levels of one benchmark did, or of all. */
struct level_sum {
	uint64_t exits, vmreads, vmwrites;
	uint64_t of_vmcs; /* exits that are a VMREAD or a VMWRITE */
};

static bool is_vmcs_access(uint16_t reason)
{
	return reason == exit_reason_by_name("VMREAD") || reason == exit_reason_by_name("VMWRITE");
}

static void add_up(struct level_sum *sums, const struct exit_sum *exit, size_t exits)
{
	for (size_t i = 0; i < exits; i++) {
		struct level_sum *sum = &sums[exit[i].level];
		sum->exits += exit[i].count;
		sum->vmreads += exit[i].counters.vmreads;
		sum->vmwrites += exit[i].counters.vmwrites;
		if (is_vmcs_access(exit[i].reason))
			sum->of_vmcs += exit[i].count;
	}
}

/* The highest level that recorded exits. */
static unsigned highest(const struct result_stack *stack)
{
	unsigned level = stack->base;

	for (size_t i = 0; i < stack->outsides; i++)
		if (stack->outside[i].level > level)
			level = stack->outside[i].level;
	for (size_t i = 0; i < stack->benches; i++)
		for (size_t j = 0; j < stack->bench[i].exits; j++)
			if (stack->bench[i].exit[j].level > level)
				level = stack->bench[i].exit[j].level;
	return level;
}

static void per_exit(struct table *table, uint64_t number, const struct level_sum *sum)
{
	if (sum->exits == 0)
		table_none(table);
	else
		table_number(table, (double)number / (double)sum->exits);
}

/*
 * A level's own accesses exit to the one below; what that hands on to it again, being its guest's,
 * are exits of both.
 */
static void put_row(struct table *table, const struct result_stack *stack, unsigned top,
		    const struct result_bench *bench)
{
	struct level_sum sums[STACK_MAX_LEVELS] = {0};
	double operations = result_operations(bench);

	add_up(sums, bench->exit, bench->exits);
	table_cell(table, "%s", bench->name);
	for (unsigned level = top; level > stack->base; level--) {
		const struct level_sum *sum = &sums[level];
		table_number(table, (double)sum->exits / operations);
		per_exit(table, sum->vmreads + sum->vmwrites, sum);
		per_exit(table, sums[level - 1].of_vmcs - sum->of_vmcs, sum);
	}
	table_number(table, (double)sums[stack->base].exits / operations);
	per_exit(table, sums[stack->base].exits, &sums[top]);
}

static bool reaches(const struct result_bench *bench, unsigned top)
{
	for (size_t i = 0; i < bench->exits; i++)
		if (bench->exit[i].level == top)
			return true;
	return false;
}

static bool any_reaches(const struct result_stack *stack, unsigned top)
{
	for (size_t i = 0; i < stack->benches; i++)
		if (reaches(&stack->bench[i], top))
			return true;
	return false;
}

static int print_levels(const struct result_stack *stack, unsigned top, FILE *out, unsigned width)
{
	char headings[256];
	size_t used = (size_t)snprintf(headings, sizeof(headings), "<benchmark");
	struct table table;

	for (unsigned level = top; level > stack->base; level--)
		used += (size_t)snprintf(headings + used, sizeof(headings) - used,
					 "|L%u exits|VMCS accesses|trapped", level);
	snprintf(headings + used, sizeof(headings) - used, "|L%u exits|L%u per L%u", stack->base,
		 stack->base, top);
	fprintf(out,
		"\nExits of each level of %s for an operation; for each exit, the level's own "
		"accesses\nto its VMCS, and how many of them the level below traps:\n\n",
		stack->name);
	table_begin(&table, headings);
	for (size_t i = 0; i < stack->benches; i++)
		if (reaches(&stack->bench[i], top))
			put_row(&table, stack, top, &stack->bench[i]);
	return table_print(&table, out, width);
}

int report_levels(const struct result_stack *stack, FILE *out, unsigned width)
{
	unsigned top = highest(stack);
	int failed = 0;

	if (top == stack->base || top >= STACK_MAX_LEVELS)
		return 0;
	for (unsigned level = stack->base + 1; level <= top; level++) {
		fprintf(out, "\nThe same of level %u:\n\n", level);
		failed |= report_exits(stack, level, out, width);
	}
	if (any_reaches(stack, top))
		failed |= print_levels(stack, top, out, width);
	return failed;
}
