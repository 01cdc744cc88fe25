#include "bench/report_paths.h"
#include "bench/paragraph.h"
#include "bench/table.h"

#include <inttypes.h>
#include <string.h>

enum { REASONS = 128 }; /* more than there are basic exit reasons */

/* The exits of one reason at one level. */
struct sum {
	uint64_t count, own_ticks;
	uint64_t vmreads, vmwrites;  /* their hypervisor's own */
	uint64_t trapped;	     /* of these */
	uint64_t beneath[REASONS];   /* exits of the next lower level, by reason */
	uint64_t below, below_ticks; /* exits of all lower levels */
};

static void add_counters(struct sum *sums, unsigned level, const struct exit_sum *exit,
			 size_t exits)
{
	for (size_t i = 0; i < exits; i++) {
		if (exit[i].level != level)
			continue;
		sums[exit[i].reason].vmreads += exit[i].counters.vmreads;
		sums[exit[i].reason].vmwrites += exit[i].counters.vmwrites;
	}
}

/* Takes a node to the exit of that level that it hangs from. */
static void add_node(struct sum *sums, unsigned level, const struct result_stack *stack,
		     const struct level_node *node)
{
	const struct level_node *top = node, *child = NULL;

	while (top->level < level && top->parent != LEVELS_NO_NODE) {
		child = top;
		top = &stack->path[top->parent];
	}
	if (top->level != level)
		return;
	struct sum *sum = &sums[top->reason];
	if (top == node) {
		sum->count += node->count;
		sum->own_ticks += node->own_ticks;
		return;
	}
	sum->below += node->count;
	sum->below_ticks += node->own_ticks;
	if (child != node)
		return;
	sum->beneath[node->reason] += node->count;
	if (node->kind == LEVEL_WITHIN && (node->reason == exit_reason_by_name("VMREAD") ||
					   node->reason == exit_reason_by_name("VMWRITE")))
		sum->trapped += node->count;
}

static void put_beneath(struct table *table, const struct sum *sum)
{
	char text[512] = "";
	size_t used = 0;

	for (uint16_t i = 0; i < REASONS && used < sizeof(text); i++)
		if (sum->beneath[i] > 0)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %.3g",
						 used == 0 ? "" : ", ", exit_reason_name(i),
						 (double)sum->beneath[i] / (double)sum->count);
	table_cell(table, "%s", text);
}

static void put_row(struct table *table, uint16_t reason, const struct sum *sum)
{
	const uint64_t numbers[] = {sum->vmreads, sum->vmwrites,  sum->trapped,
				    sum->below,	  sum->own_ticks, sum->below_ticks};

	table_cell(table, "%s", exit_reason_name(reason));
	table_cell(table, "%" PRIu64, sum->count);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		table_number(table, (double)numbers[i] / (double)sum->count);
	put_beneath(table, sum);
}

static int print_level(const struct result_stack *stack, unsigned level, const char *unit,
		       FILE *out, unsigned width)
{
	struct sum sums[REASONS] = {0};
	char headings[128];
	struct table table;

	for (size_t i = 0; i < stack->benches; i++)
		add_counters(sums, level, stack->bench[i].exit, stack->bench[i].exits);
	add_counters(sums, level, stack->outside, stack->outsides);
	for (size_t i = 0; i < stack->paths; i++)
		add_node(sums, level, stack, &stack->path[i]);
	fputc('\n', out);
	paragraph(out, width,
		  "What an exit to L%u of %s takes: accesses to its VMCS, how many of them are "
		  "exits to L%u, exits to all levels beneath, and %s of L%u and of those:",
		  level, stack->name, level - 1, unit, level);
	fputc('\n', out);
	snprintf(headings, sizeof(headings),
		 "<reason|exits|VMREADs|VMWRITEs|trapped|exits|in L%u|beneath|<exits to L%u", level,
		 level - 1);
	table_begin(&table, headings);
	for (unsigned i = 0; i < REASONS; i++)
		if (sums[i].count > 0)
			put_row(&table, (uint16_t)i, &sums[i]);
	return table_print(&table, out, width);
}

int report_paths(const struct result_stack *stack, const char *unit, FILE *out, unsigned width)
{
	unsigned top = stack->base;
	int failed = 0;

	for (size_t i = 0; i < stack->paths; i++)
		if (stack->path[i].level > top)
			top = stack->path[i].level;
	for (unsigned level = top; level > stack->base; level--)
		failed |= print_level(stack, level, unit, out, width);
	return failed;
}
