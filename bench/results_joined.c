#include "bench/results_joined.h"

static int take_sum(const struct rows *rows, void *into)
{
	struct result_stack *stack = into;
	struct join_sum *sum = rows_grow(rows, stack->joined, stack->joineds, sizeof(sum[0]));

	if (sum == NULL)
		return -1;
	stack->joined = sum;
	sum += stack->joineds++;
	sum->count = rows_number(rows, 1);
	sum->stays = rows_number(rows, 2);
	sum->stay_ticks = rows_number(rows, 3);
	sum->shortest = rows_number(rows, 4);
	if (sum->count == 0 || sum->stays == 0 || sum->shortest > sum->stay_ticks / sum->stays)
		return rows_damaged(rows, "a joined exit that took nothing");
	return rows_reason(rows, 0, &sum->reason);
}

static int take_part(const struct rows *rows, void *into)
{
	struct result_stack *stack = into;
	struct join_part *part = rows_grow(rows, stack->beneath, stack->beneaths, sizeof(part[0]));

	if (part == NULL)
		return -1;
	stack->beneath = part;
	part += stack->beneaths++;
	part->count = rows_number(rows, 2);
	part->handled_ticks = rows_number(rows, 3);
	return rows_reason(rows, 0, &part->reason) != 0 ? -1 : rows_reason(rows, 1, &part->beneath);
}

int results_take_joined(const struct rows *rows, struct result_stack *stack, uint64_t id)
{
	if (rows_each(rows,
		      "SELECT reason, sum(count), sum(stays), sum(stay_ticks), min(shortest) "
		      "FROM joined WHERE stack = ? GROUP BY reason ORDER BY reason",
		      id, take_sum, stack) != 0)
		return -1;
	return rows_each(
		rows,
		"SELECT reason, beneath, sum(count), sum(handled_ticks) FROM joined_beneath "
		"WHERE stack = ? GROUP BY reason, beneath ORDER BY reason, beneath",
		id, take_part, stack);
}
