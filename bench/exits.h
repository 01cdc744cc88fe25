/*
 * The exits of a run, added up: for each benchmark, between the begin and the end of its window,
 * and for what lies outside of all windows; by level, reason and component of the fee.
 */
#ifndef BENCH_EXITS_H
#define BENCH_EXITS_H

#include "bench/console.h"
#include "bench/histogram.h"
#include "bench/join.h"
#include "bench/levels.h"
#include "bench/timeline.h"
#include "bench/tlb_sim.h"
#include "bench/vmcs_access.h"
#include "telemetry/fee.h"
#include "telemetry/record.h"

#include <stddef.h>
#include <stdint.h>

/* The window of an exit outside of all benchmarks. */
enum { EXITS_OUTSIDE = CONSOLE_MAX_BENCHES };

enum { EXITS_RECENT = 512 };

_Static_assert(EXITS_OUTSIDE + 1 <= LEVELS_WINDOWS, "each window has paths");

/* The per-exit cost counters, summed. */
struct exit_counters {
#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) uint64_t name; /* text */
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
};

/* All exits of one window that agree in level, reason and component. */
struct exit_sum {
	unsigned window; /* index of the benchmark in the console, or EXITS_OUTSIDE */
	unsigned level;	 /* of the hypervisor that took the exits */
	uint16_t reason;
	enum fee_component component;
	uint64_t count;
	uint64_t guest_ticks, handled_ticks;
	uint64_t shortest; /* handled_ticks of the exit that took least */
	uint64_t longest;  /* and of the one that took most */
	size_t latency;	   /* index of the distribution that they are part of */
	struct exit_counters counters;
};

/* How long the exits of all windows took that agree in level, reason and component. */
struct exit_latency {
	unsigned level;
	uint16_t reason;
	enum fee_component component;
	struct histogram handled_ticks;
	struct timeline timeline;
};

/*
 * What the TLB observatory saw in one window.  Its own exits are in no exit_sum: they are no part
 * of the fee.
 */
struct observed_sum {
	uint64_t exits;
	uint64_t refills;    /* pages that the modelled TLB took in */
	uint64_t references; /* of the walks to them */
};

struct exits {
	struct exit_sum *sum;
	size_t sums, room;
	struct exit_latency *latency;
	size_t latencies;
	/* The sums that records went to, by what they are about: the next one mostly goes there. */
	size_t recent[EXITS_RECENT];
	uint64_t records;				 /* added so far */
	struct observed_sum observed[EXITS_OUTSIDE + 1]; /* by window */
	/* Simulates what a trace of accesses (observe=trace) would have missed; NULL: it is none.
	 */
	struct tlb_sim *tlb;
	struct levels levels;	       /* of a hypervisor's and those of its guests that are ones */
	struct vmcs_accesses accesses; /* of these */
	struct join join; /* of the traced level's with those of a level that looks from beneath */
};

/* The benchmark in whose window that time lies, or EXITS_OUTSIDE. */
unsigned exits_window(const struct console *console, uint64_t tsc);

/*
 * Adds one record.  Windows are those of console->bench, which do not overlap.  Returns 0, or -1
 * with VMFEE_SYSTEM for a reason that is not in exit_reasons.def, or when memory is short.
 */
int exits_add(struct exits *exits, const struct console *console, const struct exit_record *record,
	      struct vmfee_error *err);

/* Puts the sums in the order of windows, levels, reasons and components.  No record follows. */
void exits_sort(struct exits *exits);

void exits_free(struct exits *exits);

#endif
