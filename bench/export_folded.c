#include "bench/export.h"

#include <inttypes.h>
#include <stdbool.h>

/* Frames are separated by ';', and the last space ends them. */
static void put_sum(const struct export *export, const struct result_stack *stack,
		    const struct result_bench *bench, const struct exit_sum *sum)
{
	fprintf(export->out, "%s;L%u;%s;%s;%s %" PRIu64 "\n", stack->name, sum->level,
		bench == NULL ? "(outside)" : bench->name, fee_component_name(sum->component),
		exit_reason_name(sum->reason), sum->handled_ticks);
}

static bool wants_path(const struct export *export, const struct result_stack *stack,
		       const struct level_node *node)
{
	for (;; node = &stack->path[node->parent]) {
		if (export_wants_reason(export, node->reason))
			return true;
		if (node->parent == LEVELS_NO_NODE)
			return false;
	}
}

/* The exits above a node first. */
static void put_frames(FILE *out, const struct result_stack *stack, uint32_t node)
{
	uint32_t above[STACK_MAX_LEVELS];
	unsigned frames = 0;

	for (; node != LEVELS_NO_NODE && frames < STACK_MAX_LEVELS; node = stack->path[node].parent)
		above[frames++] = node;
	while (frames > 0) {
		char name[2 * STACK_MAX_NAME];
		level_node_name(&stack->path[above[--frames]], name, sizeof(name));
		fprintf(out, ";%s", name);
	}
}

/* Where several levels told of their exits, what one takes stands upon the one it is for. */
static void put_path(const struct export *export, const struct result_stack *stack, uint32_t number)
{
	const struct level_node *node = &stack->path[number];

	if (!wants_path(export, stack, node))
		return;
	fprintf(export->out, "%s;%s", stack->name,
		node->window < stack->benches ? stack->bench[node->window].name : "(outside)");
	put_frames(export->out, stack, number);
	fprintf(export->out, " %" PRIu64 "\n", node->own_ticks);
}

static void put_stack(const struct export *export, const struct result_stack *stack)
{
	if (stack->paths == 0)
		export_each_sum(export, stack, put_sum);
	for (uint32_t i = 0; i < stack->paths; i++)
		put_path(export, stack, i);
}

int export_folded(const struct export *export)
{
	for (size_t i = 0; i < export->results->stacks; i++)
		if (export_wants_stack(export, &export->results->stack[i]))
			put_stack(export, &export->results->stack[i]);
	return 0;
}
