/*
 * Running an experiment: all its stacks, and the directory that comes of it.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench/experiment.h"
#include "bench/project.h"

#include <stdbool.h>

struct run_options {
	unsigned jobs;	     /* machines at a time, from 1; the results do not depend on it */
	bool plots;	     /* draw the figures */
	bool resume;	     /* take what is there of an earlier run that was not finished */
	char from[PATH_MAX]; /* and of the run in that directory; empty: none */
};

/*
 * Runs every stack, publishes the run as RESULTS/EXPERIMENT, writes that path to path, of PATH_MAX
 * bytes, and leaves nothing running.  Returns 0; or -1 with an error.  Then path is that of a
 * published run where only its trace and its guest disagree or its figures could not be drawn; that
 * of what is kept, with the results of the other stacks, where some have failed; else empty.
 */
int run_experiment(const struct project *project, const struct experiment *experiment,
		   const struct run_options *options, char *path, struct vmfee_error *err);

#endif
