/*
 * The exits of all levels of a stack, joined: whatever a level does between the exit that it
 * delivers to the one above and the entry with which it goes back is for that one exit.  So the
 * exits at the lowest level hang from those above them, and sums of the same paths tell what an
 * exit at any level took of each level beneath.
 *
 *     levels_add()   each record, those of a level and a CPU in the order of their trace
 *     levels_join()  then once
 *
 * All stamps are of one clock.  Each CPU of a level is, for good, the one below of the same number,
 * which is its APIC ID (l1vmm/arch/ap.h).
 */
#ifndef BENCH_LEVELS_H
#define BENCH_LEVELS_H

#include "bench/err.h"
#include "bench/stack.h"
#include "telemetry/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEVELS_WINDOWS = 129, LEVELS_NO_NODE = UINT32_MAX };

/* What an exit has to do with the one that it hangs from. */
enum level_kind {
#define LEVEL_KIND(NAME, name) LEVEL_##NAME,
#include "bench/level_kind.def"
#undef LEVEL_KIND
	LEVEL_KINDS
};

const char *level_kind_name(enum level_kind kind);

/* Exits with the same reasons all the way up. */
struct level_node {
	uint32_t parent; /* LEVELS_NO_NODE: none */
	uint32_t sibling, child;
	unsigned window;
	unsigned level; /* of the hypervisor that took them */
	uint16_t reason;
	bool nested; /* out of a guest's guest */
	enum level_kind kind;
	uint64_t count;
	uint64_t own_ticks; /* from the exits to the entries, but for what levels beneath took */
};

/* An exit that a level recorded. */
struct level_exit {
	struct level_exit *above; /* that it hangs from */
	uint64_t left, entered, own;
	uint32_t node;
	uint16_t reason, window;
	bool nested;
};

struct levels {
	struct level_trace {
		struct level_exit *exit;
		size_t exits, room;
	} trace[STACK_MAX_CPUS][STACK_MAX_LEVELS];
	struct level_node *node; /* those that others hang from stand before them */
	size_t nodes, room;
	uint32_t first[LEVELS_WINDOWS];
};

/* Begin with a zeroed struct.  Each returns 0, or -1 with VMFEE_SYSTEM where memory is short. */
int levels_add(struct levels *levels, unsigned window, const struct exit_record *record,
	       struct vmfee_error *err);
int levels_join(struct levels *levels, struct vmfee_error *err);

void levels_free(struct levels *levels);

/*
 * The name of a node among the paths of a flame graph, "L1;VMREAD": the guest that exited, and why;
 * or "L0-delivers".  No spaces, which end a path.
 */
void level_node_name(const struct level_node *node, char *to, size_t size);

#endif
