#include "bench/results_levels.h"

#include <string.h>

static int take_kind(const struct rows *rows, int column, enum level_kind *kind)
{
	char name[STACK_MAX_NAME + 1];

	rows_text(rows, column, name, sizeof(name));
	for (*kind = 0; *kind < LEVEL_KINDS; (*kind)++)
		if (strcmp(level_kind_name(*kind), name) == 0)
			return 0;
	return rows_damaged(rows, "a path of a kind that is none");
}

/* Those that others hang from come first, so no path leads in a circle. */
static int take_path(const struct rows *rows, void *into)
{
	struct result_stack *stack = into;
	struct level_node *node = rows_grow(rows, stack->path, stack->paths, sizeof(node[0]));

	if (node == NULL)
		return -1;
	stack->path = node;
	node += stack->paths;
	if (rows_number(rows, 0) != stack->paths)
		return rows_damaged(rows, "paths that are not numbered");
	node->parent = (uint32_t)rows_number(rows, 1);
	node->window = rows_number(rows, 9) ? EXITS_OUTSIDE : (unsigned)rows_number(rows, 2);
	node->level = (unsigned)rows_number(rows, 3);
	node->nested = rows_number(rows, 6) != 0;
	node->count = rows_number(rows, 7);
	node->own_ticks = rows_number(rows, 8);
	if (take_kind(rows, 4, &node->kind) != 0 || rows_reason(rows, 5, &node->reason) != 0)
		return -1;
	if ((node->parent != LEVELS_NO_NODE && node->parent >= stack->paths) || node->count == 0 ||
	    node->level >= STACK_MAX_LEVELS ||
	    (node->window >= stack->benches && node->window != EXITS_OUTSIDE))
		return rows_damaged(rows, "a path from nowhere");
	stack->paths++;
	return 0;
}

static int take_access(const struct rows *rows, void *into)
{
	struct vmcs_accesses *accesses = into;
	struct vmcs_access *access =
		rows_grow(rows, accesses->access, accesses->count, sizeof(access[0]));
	char name[RESULTS_MAX_TEXT + 1];

	if (access == NULL)
		return -1;
	accesses->access = access;
	access += accesses->count++;
	rows_text(rows, 1, name, sizeof(name));
	access->level = (unsigned)rows_number(rows, 0);
	access->field = vmcs_field_by_name(name);
	access->reads = rows_number(rows, 2);
	access->writes = rows_number(rows, 3);
	return access->field == UINT32_MAX ? rows_damaged(rows, "a VMCS field that is none") : 0;
}

int results_take_levels(const struct rows *rows, struct result_stack *stack, uint64_t id)
{
	if (rows_each(rows,
		      "SELECT id, ifnull(parent, 4294967295), benchmark - (SELECT min(id) FROM "
		      "benchmark AS first WHERE first.stack = path.stack), level, kind, reason, "
		      "nested, count, own_ticks, benchmark IS NULL FROM path WHERE stack = ? "
		      "ORDER BY id",
		      id, take_path, stack) != 0)
		return -1;
	return rows_each(rows,
			 "SELECT level, field, reads, writes FROM vmcs_access WHERE stack = ? "
			 "ORDER BY rowid",
			 id, take_access, &stack->accesses);
}
