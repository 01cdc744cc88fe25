/*
 * A stack's console, read as it comes: docs/architecture.md, "Console protocol".  What lies behind
 * it is a guest, so every line that does not follow the protocol is an error with its number.
 */
#ifndef BENCH_CONSOLE_H
#define BENCH_CONSOLE_H

#include "bench/line.h"
#include "bench/stack.h"
#include "l1vmm/vmx/tsc.h"
#include "telemetry/fee.h"

enum {
	CONSOLE_MAX_BENCHES = 128,
	CONSOLE_MAX_SAMPLES = 65536, /* of one benchmark */
	CONSOLE_MAX_OPS = 1000000000,
	CONSOLE_MAX_EXPECTED = 8,    /* reasons of one benchmark */
	CONSOLE_MAX_PER_OP = 100000, /* exits; times operations and samples still fits 64 bits */
	CONSOLE_MAX_NOTES = 256,     /* of each kind */
	CONSOLE_MAX_VALUE = 63,
	CONSOLE_MAX_TEXT = 255,
	CONSOLE_REASONS = 128, /* more than there are basic exit reasons */
	CONSOLE_BUCKETS = 32,  /* floor(log2(ticks)); the last takes what is longer */
};

struct console_expectation {
	uint16_t reason; /* basic exit reason */
	uint64_t per_op; /* exits that one operation should cause */
};

/* In place of reasons, in expect= and in results.db. */
#define CONSOLE_ANY_EXITS "any"

struct console_bench {
	char name[STACK_MAX_NAME + 1];
	enum fee_component component; /* the one that the benchmark is about */
	uint64_t ops;		      /* operations of one sample */
	uint64_t begin, end;	      /* the machine's TSC around all samples */
	bool any_exits;		      /* the guest cannot say which it causes */
	unsigned expected;
	struct console_expectation expect[CONSOLE_MAX_EXPECTED];
	unsigned samples; /* announced */
	unsigned have;	  /* seen so far */
	uint64_t *ticks;  /* of each sample, in order */
};

/* A line that says something about a level or a benchmark. */
struct console_note {
	unsigned level; /* that wrote the line */
	char name[STACK_MAX_NAME + 1];
	char value[CONSOLE_MAX_VALUE + 1]; /* of a switch; why a benchmark was skipped or failed */
	uint64_t msr, number;		   /* of a capability */
};

struct console_notes {
	unsigned count;
	struct console_note note[CONSOLE_MAX_NOTES];
};

enum console_end {
	CONSOLE_RUNNING, /* no @end yet */
	CONSOLE_OK,
	CONSOLE_FAIL,	 /* a workload that failed, or a hypervisor whose guest did */
	CONSOLE_STOPPED, /* a hypervisor that stopped its guest */
	CONSOLE_PANIC,
	CONSOLE_REFUSED, /* a hypervisor that did not start: its command line, its CPU */
};

/* What the launcher of a KVM has seen of KVM's own exits. */
struct console_observed {
	uint64_t records, dropped, packets;
	uint64_t interrupts;		     /* that ended the turn of its guest's guest */
	uint64_t delivered[CONSOLE_REASONS]; /* to its guest, a hypervisor; by reason */
	uint64_t handled[CONSOLE_REASONS]
			[CONSOLE_BUCKETS]; /* how long they took, dropped ones too */
};

/* What a level has told of its trace, over all CPUs; nothing where that stays in the machine. */
struct console_trace {
	bool told;
	unsigned cpus; /* that it is of, numbered from 0 */
	uint64_t records, dropped, packets;
};

struct console {
	unsigned levels; /* of the stack */
	unsigned traced; /* the lowest level whose trace leaves the machine; set after
			    console_init() */
	unsigned line;	 /* number of the last line taken apart, from 1 */
	struct console_bench bench[CONSOLE_MAX_BENCHES];
	unsigned benches;
	struct console_notes skips, fails, caps, switches;
	struct guest_tsc clock; /* the workload's; stamps of exits are the machine's */
	uint64_t latest;	/* by that clock: the end of the latest benchmark */
	enum console_end end[STACK_MAX_LEVELS];
	char said[STACK_MAX_LEVELS][CONSOLE_MAX_TEXT + 1]; /* the last line of each for people */
	char stop_reason[CONSOLE_MAX_VALUE + 1];
	char stop[CONSOLE_MAX_TEXT + 1]; /* the first @stop, as "key=value ..."; or empty */
	struct console_trace trace[STACK_MAX_LEVELS];
	struct console_observed observed;
	size_t pending; /* bytes of the line that has not ended yet */
	char bytes[LINE_MAX_BYTES + STACK_MAX_LEVELS + 1];
};

/* Begins a console of a stack with that many levels. */
void console_init(struct console *console, unsigned levels);

/* Takes what came next.  Returns 0, or -1 with VMFEE_GUEST and "line N: what is wrong". */
int console_feed(struct console *console, const char *bytes, size_t length,
		 struct vmfee_error *err);

/*
 * Judges the console as a whole: a last line without a newline, samples that were announced but
 * never came.  Returns 0, or -1 with VMFEE_GUEST.
 */
int console_finish(struct console *console, struct vmfee_error *err);

/* What the lowest level told of its trace. */
static inline const struct console_trace *console_trace(const struct console *console)
{
	return &console->trace[console->traced];
}

/* How many exits of a level have no record; beneath those that trace themselves, a KVM's. */
static inline uint64_t console_lost(const struct console *console, unsigned level)
{
	return level < console->traced ? console->observed.dropped : console->trace[level].dropped;
}

/* The benchmark of that name, or NULL. */
const struct console_bench *console_find_bench(const struct console *console, const char *name);

void console_free(struct console *console);

#endif
