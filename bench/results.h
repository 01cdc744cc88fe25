/*
 * results.db, read back: all that tables, CSV and figures are made of.
 */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "bench/console.h"
#include "bench/exits.h"
#include "bench/experiment.h"
#include "bench/latency.h"
#include "bench/tlb_file.h"

#include <stdbool.h>

enum { RESULTS_MAX_PROPERTIES = 32, RESULTS_MAX_TEXT = 255 };

struct result_bench {
	char name[STACK_MAX_NAME + 1];
	enum fee_component component; /* the one that the benchmark is about */
	uint64_t ops;		      /* operations of one sample */
	uint64_t begin, end;	      /* the guest's TSC around all samples */
	uint64_t *ticks;	      /* of each sample, sorted */
	size_t samples;
	bool any_exits; /* the guest cannot say which it causes */
	struct console_expectation expect[CONSOLE_MAX_EXPECTED];
	unsigned expected;
	struct exit_sum *exit; /* of the benchmark's window; sum.window means nothing here */
	size_t exits;
	struct observed_sum observed; /* by the TLB observatory, where the stack has one */
};

struct result_skip {
	char name[STACK_MAX_NAME + 1];
	char why[CONSOLE_MAX_VALUE + 1];
};

/* Exits of one reason and component in a slice of time, that took about as long. */
struct result_time {
	unsigned level; /* of the hypervisor that took them */
	uint16_t reason;
	enum fee_component component;
	uint64_t begin, end; /* of the slice */
	uint64_t low, high;  /* handled_ticks, both within */
	uint64_t count;
};

struct result_stack {
	char name[STACK_MAX_NAME + 1];
	char notation[RESULTS_MAX_TEXT + 1];
	unsigned depth;
	unsigned cpus;			      /* of the machine */
	unsigned base;			      /* level of the lowest hypervisor of this project */
	char probe_of[STACK_MAX_NAME + 1];    /* empty: a stack of the tables */
	char about[EXPERIMENT_MAX_ABOUT + 1]; /* its workload, in plain words; or empty */
	bool traced;
	bool default_switches;		 /* of the hypervisor at `base` */
	uint64_t records;		 /* of exits to the level `base` */
	uint64_t lost[STACK_MAX_LEVELS]; /* exits whose record was lost, by level */
	struct result_bench *bench;	 /* in the order of measurement */
	size_t benches;
	struct result_skip *skip;
	size_t skips;
	struct exit_sum *outside; /* exits outside of all benchmarks */
	size_t outsides;
	struct latencies latencies; /* of all its exits */
	struct result_time *time;   /* in the order of levels and slices */
	size_t times;
	struct join_sum *joined; /* by reason; sum.window means nothing here */
	size_t joineds;
	struct join_part *beneath; /* what they took of KVM, likewise */
	size_t beneaths;
	struct level_node *path; /* those that others hang from come first */
	size_t paths;
	struct vmcs_accesses accesses;
	struct tlb_file tlb;		      /* of a stack that was observed; no name: none was */
	struct observed_sum observed_outside; /* of all benchmarks */
};

struct results {
	struct {
		char key[STACK_MAX_NAME + 1];
		char value[RESULTS_MAX_TEXT + 1];
	} property[RESULTS_MAX_PROPERTIES];
	unsigned properties;
	struct result_stack *stack; /* in the order of the experiment */
	size_t stacks;
};

/*
 * Reads the file at path.  Returns 0, or -1 with VMFEE_USAGE where it is no results.db of this
 * schema, VMFEE_SYSTEM where it cannot be read; results_free() is due either way.
 */
int results_load(struct results *results, const char *path, struct vmfee_error *err);

void results_free(struct results *results);

/* A property of the run, such as "title"; "" where there is none. */
const char *results_property(const struct results *results, const char *key);

/* The benchmark of that name, or NULL. */
const struct result_bench *results_bench(const struct result_stack *stack, const char *name);

/* How many records the trace of a stack had when the run was made, those of all levels. */
uint64_t results_records(const struct result_stack *stack);

/* Judges the `PRAGMA user_version` of a file.  Returns 0, or -1 with VMFEE_USAGE. */
int results_check_version(const char *path, uint64_t version, struct vmfee_error *err);

/* Samples times operations: what counts of exits are divided by. */
static inline double result_operations(const struct result_bench *bench)
{
	return (double)bench->samples * (double)bench->ops;
}

#endif
