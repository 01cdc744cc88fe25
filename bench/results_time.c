#include "bench/results_time.h"

static int take_time(const struct rows *rows, void *into)
{
	struct result_stack *stack = into;
	struct result_time *time = rows_grow(rows, stack->time, stack->times, sizeof(time[0]));

	if (time == NULL)
		return -1;
	stack->time = time;
	time += stack->times++;
	if (rows_level(rows, 0, &time->level) != 0 || rows_reason(rows, 1, &time->reason) != 0 ||
	    rows_component(rows, 2, &time->component) != 0)
		return -1;
	time->begin = rows_number(rows, 3);
	time->end = rows_number(rows, 4);
	time->low = rows_number(rows, 5);
	time->high = rows_number(rows, 6);
	time->count = rows_number(rows, 7);
	if (time->count == 0 || time->high < time->low || time->end <= time->begin)
		return rows_damaged(rows, "a slice of time that is none");
	return 0;
}

int results_take_times(const struct rows *rows, struct result_stack *stack, uint64_t id)
{
	return rows_each(rows,
			 "SELECT level, reason, component, begin_tsc, end_tsc, low, high, count "
			 "FROM exit_time WHERE stack = ? ORDER BY level, begin_tsc, reason, "
			 "component, low",
			 id, take_time, stack);
}
