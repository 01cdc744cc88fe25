/*
 * Running an experiment: all its stacks, and the directory that comes of it.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench/experiment.h"
#include "bench/project.h"

#include <stdbool.h>

struct run_options {
	unsigned jobs; /* machines at a time, on which the results do not depend; 0: as many as
			* there are processors, or as slurm likes */
	bool plots;    /* draw the figures */
	bool resume;   /* take what is there of an earlier run that was not finished */
	char from[PATH_MAX];   /* and of the run in that directory; empty: none */
	bool slurm;	       /* which runs the machines, in the place of this one */
	const char *file;      /* of the experiment, for slurm */
	char *const *deciding; /* options that decide what comes of a cell, for slurm */
	size_t decisions;
};

/*
 * Runs every stack, publishes the run as RESULTS/EXPERIMENT, writes that path to path, of PATH_MAX
 * bytes, and leaves nothing running.  Returns 0; or -1 with an error.  Then path is that of a
 * published run where only its trace and its guest disagree or its figures could not be drawn; that
 * of what is kept, with the results of the other stacks, where some have failed; else empty.
 */
int run_experiment(const struct project *project, const struct experiment *experiment,
		   const struct run_options *options, char *path, struct vmfee_error *err);

/*
 * Runs one stack of an experiment for a vmfee that waits for it, in the folder RUN/STACK at path.
 * How it failed stays there, too.  Returns 0, or -1.
 */
int run_cell(const struct project *project, const struct experiment *experiment, const char *path,
	     struct vmfee_error *err);

#endif
