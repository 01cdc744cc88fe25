#include "bench/levels.h"

#include "telemetry/fee.h"

#include <stdio.h>
#include <stdlib.h>

const char *level_kind_name(enum level_kind kind)
{
	static const char *const names[LEVEL_KINDS] = {
#define LEVEL_KIND(NAME, name) [LEVEL_##NAME] = (name),
#include "bench/level_kind.def"
#undef LEVEL_KIND
	};

	return names[kind];
}

int levels_add(struct levels *levels, unsigned window, const struct exit_record *record,
	       struct vmfee_error *err)
{
	struct level_trace *trace;

	if (record->level >= STACK_MAX_LEVELS || window >= LEVELS_WINDOWS ||
	    record->vcpu >= STACK_MAX_CPUS)
		return vmfee_fail(err, VMFEE_SYSTEM, "exit %u is of level %u, CPU %u", record->seq,
				  record->level, record->vcpu);
	trace = &levels->trace[record->vcpu][record->level];
	if (trace->exits == trace->room) {
		size_t room = trace->room == 0 ? 1024 : 2 * trace->room;
		struct level_exit *exit = reallocarray(trace->exit, room, sizeof(exit[0]));
		if (exit == NULL)
			return vmfee_fail_errno(err, "exits to be joined");
		trace->exit = exit;
		trace->room = room;
	}
	trace->exit[trace->exits++] = (struct level_exit){
		.left = record->tsc,
		.entered = record->tsc + record->handled_ticks,
		.own = record->handled_ticks,
		.node = LEVELS_NO_NODE,
		.reason = record->reason,
		.window = (uint16_t)window,
		.nested = record->flags & RECORD_F_NESTED,
	};
	return 0;
}

static bool same_node(const struct level_node *a, const struct level_node *b)
{
	return a->level == b->level && a->reason == b->reason && a->nested == b->nested &&
	       a->kind == b->kind;
}

/* The node like `key` below its parent, or a new one; LEVELS_NO_NODE where memory is short. */
static uint32_t find_node(struct levels *levels, const struct level_node *key)
{
	uint32_t *link = key->parent == LEVELS_NO_NODE ? &levels->first[key->window]
						       : &levels->node[key->parent].child;
	uint32_t first = *link;
	struct level_node *node;

	for (uint32_t i = first; i != LEVELS_NO_NODE; i = levels->node[i].sibling)
		if (same_node(&levels->node[i], key))
			return i;
	if (levels->nodes == levels->room) {
		size_t room = levels->room == 0 ? 256 : 2 * levels->room;
		node = reallocarray(levels->node, room, sizeof(node[0]));
		if (node == NULL)
			return LEVELS_NO_NODE;
		levels->node = node;
		levels->room = room;
	}
	node = &levels->node[levels->nodes];
	*node = *key;
	node->sibling = first;
	node->child = LEVELS_NO_NODE;
	/* The array may have moved. */
	link = key->parent == LEVELS_NO_NODE ? &levels->first[key->window]
					     : &levels->node[key->parent].child;
	return *link = (uint32_t)levels->nodes++;
}

static bool is_entry(const struct level_exit *exit)
{
	return !exit->nested && (exit->reason == exit_reason_by_name("VMRESUME") ||
				 exit->reason == exit_reason_by_name("VMLAUNCH"));
}

/*
 * The exit of the level above that one hangs from, or NULL.  `before` is the last one that began
 * before it, `after` the next; `first` says that none of its own level came since `before` was
 * entered from, `last` that none comes before `after` begins.
 */
static struct level_exit *owner(const struct level_exit *exit, struct level_exit *before,
				struct level_exit *after, bool first, bool last,
				enum level_kind *kind)
{
	*kind = LEVEL_WITHIN;
	if (before != NULL && (exit->left <= before->entered || (first && is_entry(exit))))
		return before;
	*kind = LEVEL_DELIVERS;
	if (after != NULL && last && exit->nested)
		return after;
	*kind = LEVEL_ALONE;
	return NULL;
}

static int place(struct levels *levels, unsigned level, struct level_exit *exit,
		 struct level_exit *above, enum level_kind kind)
{
	const struct level_node key = {
		.parent = above == NULL ? LEVELS_NO_NODE : above->node,
		.window = above == NULL ? exit->window : levels->node[above->node].window,
		.level = level,
		.reason = exit->reason,
		.nested = exit->nested,
		.kind = kind,
	};

	exit->node = find_node(levels, &key);
	if (exit->node == LEVELS_NO_NODE)
		return -1;
	exit->above = above;
	/* Those that deliver it, and that go back, lie within the time of one further up. */
	while (above != NULL && !(exit->left >= above->left && exit->entered <= above->entered))
		above = above->above;
	if (above != NULL)
		above->own -= exit->entered - exit->left;
	return 0;
}

static int join_level(struct levels *levels, struct level_trace *traces, unsigned level)
{
	static struct level_trace nothing;
	struct level_trace *trace = &traces[level];
	struct level_trace *upper = level + 1 < STACK_MAX_LEVELS ? &traces[level + 1] : &nothing;
	size_t next = 0; /* exit above that has not begun yet */

	for (size_t i = 0; i < trace->exits; i++) {
		struct level_exit *exit = &trace->exit[i];
		struct level_exit *before = NULL, *after = NULL, *above;
		enum level_kind kind;

		while (next < upper->exits && upper->exit[next].left <= exit->left)
			next++;
		if (next > 0)
			before = &upper->exit[next - 1];
		if (next < upper->exits)
			after = &upper->exit[next];
		above = owner(exit, before, after,
			      before != NULL && (i == 0 || exit[-1].left <= before->entered),
			      after != NULL &&
				      (i + 1 == trace->exits || exit[1].left > after->left),
			      &kind);
		if (place(levels, level, exit, above, kind) != 0)
			return -1;
	}
	return 0;
}

static void count(struct levels *levels, const struct level_trace *trace)
{
	for (size_t i = 0; i < trace->exits; i++) {
		struct level_node *node = &levels->node[trace->exit[i].node];

		node->count++;
		node->own_ticks += trace->exit[i].own;
	}
}

int levels_join(struct levels *levels, struct vmfee_error *err)
{
	for (unsigned i = 0; i < LEVELS_WINDOWS; i++)
		levels->first[i] = LEVELS_NO_NODE;
	for (unsigned cpu = 0; cpu < STACK_MAX_CPUS; cpu++)
		for (unsigned level = STACK_MAX_LEVELS; level-- > 0;)
			if (join_level(levels, levels->trace[cpu], level) != 0)
				return vmfee_fail_errno(err, "paths of exits");
	for (unsigned cpu = 0; cpu < STACK_MAX_CPUS; cpu++)
		for (unsigned level = 0; level < STACK_MAX_LEVELS; level++)
			count(levels, &levels->trace[cpu][level]);
	return 0;
}

void levels_free(struct levels *levels)
{
	for (unsigned cpu = 0; cpu < STACK_MAX_CPUS; cpu++)
		for (unsigned level = 0; level < STACK_MAX_LEVELS; level++)
			free(levels->trace[cpu][level].exit);
	free(levels->node);
	*levels = (struct levels){0};
}

void level_node_name(const struct level_node *node, char *to, size_t size)
{
	if (node->kind == LEVEL_DELIVERS)
		snprintf(to, size, "L%u-delivers", node->level);
	else
		snprintf(to, size, "%sL%u;%s", node->nested ? "above-" : "", node->level + 1,
			 exit_reason_name(node->reason));
}
