/*
 * The cells of a run, and what runs those that are not there yet.  A cell that fails is no end of
 * the others.
 */
#ifndef BENCH_CELLS_H
#define BENCH_CELLS_H

#include "bench/cell.h"
#include "bench/interrupt.h"
#include "bench/progress.h"

struct cells {
	const struct experiment *experiment;
	const struct interrupts *interrupts;
	struct progress *progress;
	unsigned jobs;	   /* machines at a time */
	unsigned count;	   /* the experiment's stacks, in its order */
	struct cell *cell; /* one for each */
};

/* Prepares a cell for each stack, with its folder inside `run`.  Returns 0, or -1. */
int cells_prepare(struct cells *cells, const struct project *project, const char *run,
		  struct vmfee_error *err);

/*
 * Takes the cells that an earlier run left in `run`, and those that only `from` has, unless that is
 * NULL, which are copied.  What else is in `run` goes away.  Returns 0, or -1.
 */
int cells_load(struct cells *cells, const char *run, const char *from, struct vmfee_error *err);

/*
 * Runs all cells that are not whole on this machine.  Returns 0 also where some have failed; or -1
 * where what failed is no matter of one stack: VMFEE_PLATFORM, VMFEE_DISK, VMFEE_INTERRUPTED.
 */
int cells_run(struct cells *cells, struct vmfee_error *err);

/* How many are whole. */
unsigned cells_whole(const struct cells *cells);

/*
 * Tells of the cells that failed as of one error, with the status of the first; where is the
 * directory in which consoles can be seen.  Returns 0 where none has failed, or -1.
 */
int cells_judge(const struct cells *cells, const char *where, struct vmfee_error *err);

void cells_free(struct cells *cells);

#endif
