#include "bench/export.h"

#include <inttypes.h>

/*
 * Frames are separated by ';', and the last space ends them.  Levels stand side by side: what one
 * took includes what a lower one did for it in between.
 */
static void put_sum(const struct export *export, const struct result_stack *stack,
		    const struct result_bench *bench, const struct exit_sum *sum)
{
	fprintf(export->out, "%s;L%u;%s;%s;%s %" PRIu64 "\n", stack->name, sum->level,
		bench == NULL ? "(outside)" : bench->name, fee_component_name(sum->component),
		exit_reason_name(sum->reason), sum->handled_ticks);
}

int export_folded(const struct export *export)
{
	for (size_t i = 0; i < export->results->stacks; i++)
		if (export_wants_stack(export, &export->results->stack[i]))
			export_each_sum(export, &export->results->stack[i], put_sum);
	return 0;
}
