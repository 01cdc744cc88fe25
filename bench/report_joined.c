#include "bench/report_joined.h"
#include "bench/paragraph.h"
#include "bench/table.h"

#include <inttypes.h>

/*
 * The way into a guest and back, which neither level's stamps see: the shortest stay there.  A few
 * instructions of the guest's own are in it.
 */
static uint64_t round_trip(const struct result_stack *stack)
{
	uint64_t shortest = UINT64_MAX;

	for (size_t i = 0; i < stack->joineds; i++)
		if (stack->joined[i].shortest < shortest)
			shortest = stack->joined[i].shortest;
	return shortest;
}

static uint64_t handled_beneath(const struct result_stack *stack, uint16_t reason)
{
	uint64_t ticks = 0;

	for (size_t i = 0; i < stack->beneaths; i++)
		if (stack->beneath[i].reason == reason)
			ticks += stack->beneath[i].handled_ticks;
	return ticks;
}

static void put_beneath(struct table *table, const struct result_stack *stack,
			const struct join_sum *sum)
{
	char text[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < stack->beneaths && used < sizeof(text); i++)
		if (stack->beneath[i].reason == sum->reason)
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, "%s%s %.3g",
				used == 0 ? "" : ", ", exit_reason_name(stack->beneath[i].beneath),
				(double)stack->beneath[i].count / (double)sum->count);
	table_cell(table, "%s", text);
}

int report_joined(const struct result_stack *stack, const char *unit, FILE *out, unsigned width)
{
	uint64_t way = round_trip(stack);
	struct table table;

	if (stack->joineds == 0)
		return 0;
	fprintf(out, "\nWhat an exit that KVM delivered to L1 took in %s, in %s:\n\n", stack->name,
		unit);
	table_begin(&table, "<reason|exits|in KVM|in L1|transition|all|<KVM's exits for one");
	for (size_t i = 0; i < stack->joineds; i++) {
		const struct join_sum *sum = &stack->joined[i];
		double count = (double)sum->count;
		double kvm = (double)handled_beneath(stack, sum->reason) / count;
		/* Out of the guest's guest and back is one more. */
		double transition = (double)((sum->stays + sum->count) * way) / count;
		double own = (double)(sum->stay_ticks - sum->stays * way) / count;
		table_cell(&table, "%s", exit_reason_name(sum->reason));
		table_cell(&table, "%" PRIu64, sum->count);
		table_number(&table, kvm);
		table_number(&table, own);
		table_number(&table, transition);
		table_number(&table, kvm + own + transition);
		put_beneath(&table, stack, sum);
	}
	if (table_print(&table, out, width) != 0)
		return -1;
	paragraph(out, width,
		  "From the exit to the entry behind it. A way into a guest and back is "
		  "transition, %" PRIu64 " %s.",
		  way, unit);
	return 0;
}
