/*
 * One cell of an experiment: one stack on one machine, with one folder.
 *
 *     cell_prepare() what it is
 *     cell_start()   folder, disk, machine
 *     cell_take()    as often as the machine has written something, until it says that it ended
 *     cell_finish()  how it ended, and what the trace says
 */
#ifndef BENCH_CELL_H
#define BENCH_CELL_H

#include "bench/bochs.h"
#include "bench/bochs_image.h"
#include "bench/console.h"
#include "bench/exits.h"
#include "bench/experiment.h"
#include "bench/launch.h"
#include "bench/platform.h"
#include "bench/project.h"

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

/* Names inside the folder of a cell. */
#define CELL_LOG     "console.log"
#define CELL_FILE    "cell.json"    /* of one that ended well */
#define CELL_FAILURE "failure.json" /* of one that did not, where another vmfee waits for it */
#define CELL_OUTBOX  "outbox.at"    /* "LBA SECTORS" of the outbox on BOCHS_DISK, while it runs */

struct cell {
	const struct project *project;
	const struct experiment *experiment;
	const struct experiment_stack *stack;
	char folder[PATH_MAX];
	struct bochs bochs;
	struct launch launch; /* where `launched`, in the place of Bochs */
	struct bochs_image_layout layout;
	int log;  /* console.log */
	int lock; /* the folder, locked as long as this vmfee runs what is in it */
	bool running;
	bool whole;		    /* it has ended well, and its files are there */
	struct vmfee_error failure; /* or how it failed */
	bool told;		    /* another vmfee, which ran it, says that its console tells */
	json_t *identity;	    /* what decides what comes of it; once it runs */
	bool launched;		    /* this machine's own KVM is beneath */
	bool kernel;		    /* Bochs boots a KVM: Debian's kernel */
	unsigned watchdog;	    /* million ticks */
	struct timespec deadline;   /* of CLOCK_MONOTONIC, when even the watchdog has failed */
	struct console console;
	struct exits exits;
};

/* Prepares a cell with a folder of its own inside `run`.  Returns 0, or -1; cell_free() is due. */
int cell_prepare(struct cell *cell, const struct project *project,
		 const struct experiment *experiment, const struct experiment_stack *stack,
		 const char *run, struct vmfee_error *err);

/* Whether another vmfee runs what is in the folder. */
bool cell_is_busy(const struct cell *cell);

/* Boots the stack.  The folder must not be there.  Returns 0, or -1. */
int cell_start(struct cell *cell, struct vmfee_error *err);

/*
 * Takes a cell that has been run before, on the machine that called itself `version`, from its
 * folder, and judges it as if it had been run now.  Returns as cell_finish().
 */
int cell_reread(struct cell *cell, const char *version, struct vmfee_error *err);

/* Whether the console of a cell that failed can tell why: what the stack did is to blame. */
bool cell_tells(const struct cell *cell);

/* The descriptor that becomes readable when the machine has written something or has ended. */
static inline int cell_descriptor(const struct cell *cell)
{
	return cell->launched ? cell->launch.process.out : cell->bochs.process.out;
}

/* What the machine calls itself; empty until it has. */
static inline const char *cell_version(const struct cell *cell)
{
	return cell->launched ? cell->launch.version : cell->bochs.version;
}

/* Takes what the machine has written.  Returns 1, or 0 when it has ended, or -1. */
int cell_take(struct cell *cell, struct vmfee_error *err);

/*
 * Judges a machine that has ended, and takes its trace.  Returns 0; or -1 with VMFEE_GUEST,
 * VMFEE_PANIC, VMFEE_WATCHDOG, VMFEE_DISK, VMFEE_SYSTEM, or VMFEE_USAGE where a probe has
 * telemetry.
 */
int cell_finish(struct cell *cell, struct vmfee_error *err);

/* Returns 0, or -1 with VMFEE_WATCHDOG once the machine has run for longer than any should. */
int cell_check_deadline(const struct cell *cell, struct vmfee_error *err);

/* Ends the machine, if it runs, and removes its disk.  What the console said stays. */
void cell_stop(struct cell *cell);

/* Stops the cell, and frees everything. */
void cell_free(struct cell *cell);

#endif
