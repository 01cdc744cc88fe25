/*
 * The directory of a run, results/EXPERIMENT.  It is written as results/.EXPERIMENT.partial and
 * takes its name only when it is whole, so that a directory with a name of its own is always a
 * result.
 */
#ifndef BENCH_RUNDIR_H
#define BENCH_RUNDIR_H

#include "bench/err.h"

#include <limits.h>
#include <stdbool.h>

struct rundir {
	char partial[PATH_MAX]; /* where everything is written */
	char final[PATH_MAX];	/* the name that it takes in the end */
	char failed[PATH_MAX];	/* where the logs of a run that failed are kept */
	int lock;		/* the open partial directory, locked; -1: none */
};

#define RUNDIR_NONE ((struct rundir){.lock = -1})

/*
 * Makes a partial directory in results, which is made too where it is missing, and locks it against
 * a second vmfee.  What an earlier run left half-written goes away; or, where `resume`, it is what
 * the directory begins with: the partial directory if there is something in it, else what was kept
 * of a run that failed.  Returns 0, or -1.
 */
int rundir_begin(struct rundir *dir, const char *results, const char *experiment, bool resume,
		 struct vmfee_error *err);

/*
 * Gives the directory its final name.  One that has it already is kept with a number at its end,
 * the highest one the youngest.  Returns 0, or -1.
 */
int rundir_publish(struct rundir *dir, struct vmfee_error *err);

/*
 * Gives a run up that may be resumed, or whose logs may tell why: keeps its directory as
 * results/.EXPERIMENT.failed, in the place of the one before.
 */
void rundir_keep_failed(struct rundir *dir);

/* Removes the directory of a run that came to nothing. */
void rundir_discard(struct rundir *dir);

/*
 * Locks the directory of a run against every other vmfee that would write to it.  Returns a
 * descriptor that holds the lock until it is closed, or -1 with VMFEE_SYSTEM.
 */
int rundir_lock(const char *run, struct vmfee_error *err);

/* Removes a folder and everything in it; links are removed, not followed. */
void rundir_remove_tree(const char *path);

#endif
