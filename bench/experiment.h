/*
 * An experiment: a machine and the stacks to run on it, read from an INI file of
 * bench/experiments/.
 *
 *     [experiment]
 *     title = What the table is called
 *     [stack native]
 *     levels = micro
 *     [stack l1vmm]
 *     levels = l1vmm / micro
 *     [stack l1vmm-quiet]
 *     levels = l1vmm telemetry=off / micro
 *     probe_of = l1vmm
 *
 *     about = what the workload is, in plain words
 *     platform = bochs
 *
 * Alternatives {a,b} among the levels make a section several stacks: bench/choice.h.
 *
 * A stack with `probe_of` is no row of the tables: it is the named stack without telemetry, and the
 * difference between the two is telemetry's own cost.  One with `platform` runs on that one alone.
 */
#ifndef BENCH_EXPERIMENT_H
#define BENCH_EXPERIMENT_H

#include "bench/stack.h"
#include "bench/tlb_file.h"

#include <stddef.h>

enum {
	EXPERIMENT_MAX_STACKS = 64,
	EXPERIMENT_MAX_TITLE = 127,
	EXPERIMENT_MAX_NOTATION = 190,
	EXPERIMENT_MAX_CPU = 63,
	EXPERIMENT_MAX_REASON = 255,
	EXPERIMENT_MAX_ABOUT = 159,
};

struct experiment_stack {
	char name[STACK_MAX_NAME + 1];
	size_t named; /* characters of it that its section has; others tell its choices */
	char notation[EXPERIMENT_MAX_NOTATION + 1]; /* empty until `levels` has been read */
	char probe_of[STACK_MAX_NAME + 1];	    /* empty: a stack of the tables */
	char about[EXPERIMENT_MAX_ABOUT + 1];	    /* its workload, in plain words; or empty */
	char platform[STACK_MAX_NAME + 1];	    /* the only one that it runs on; or empty */
	struct stack stack;  /* with what generation=NAME and tlb_model=NAME stand for */
	struct tlb_file tlb; /* that its lowest level names; no name: none */
	int line;	     /* where its section starts */
};

struct experiment {
	char name[STACK_MAX_NAME + 1];
	char title[EXPERIMENT_MAX_TITLE + 1];
	char platform[STACK_MAX_NAME + 1];
	char cpu[EXPERIMENT_MAX_CPU + 1]; /* a CPU model of Bochs; or this machine's processor */
	unsigned memory;		  /* MiB */
	unsigned watchdog;		  /* million ticks after which a run is ended */
	unsigned outbox;		  /* MiB behind the images of a disk for the trace */
	char left_out[EXPERIMENT_MAX_REASON + 1]; /* which stacks cannot run here, and why */
	unsigned stacks;
	struct experiment_stack stack[EXPERIMENT_MAX_STACKS];
};

/*
 * Reads the file at path, which gives the experiment its name.  images is the folder in which each
 * level's image must lie, models that of the TLBs which levels may name.  Returns 0, or -1 with
 * VMFEE_USAGE and "FILE:LINE: what is wrong".
 */
int experiment_load(struct experiment *experiment, const char *path, const char *images,
		    const char *models, struct vmfee_error *err);

/*
 * Gives a key of [experiment] the value that a person asked for on the command line.  Returns 0, or
 * -1 with VMFEE_USAGE.
 */
int experiment_override(struct experiment *experiment, const char *key, const char *value,
			struct vmfee_error *err);

/*
 * Leaves out what is for other platforms, and puts KVM beneath every hypervisor that is at the
 * bottom of a stack, where the platform has it; once all keys are known.  Returns 0, or -1 with
 * VMFEE_USAGE where a stack becomes too high, or none is left.
 */
int experiment_settle(struct experiment *experiment, struct vmfee_error *err);

/* The stack of that name, or NULL. */
const struct experiment_stack *experiment_stack(const struct experiment *experiment,
						const char *name);

/* What its stacks stand on, with as many processors as any of them has. */
const struct platform *experiment_platform(const struct experiment *experiment);

#endif
