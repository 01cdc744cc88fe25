/*
 * How far a run is, on stderr: a line that changes on a terminal, plain lines elsewhere.
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include "bench/cell.h"

#include <stdbool.h>
#include <time.h>

struct progress {
	const char *experiment;
	bool live;		      /* stderr is a terminal */
	bool shown;		      /* there is a line to wipe */
	struct timespec start, drawn; /* of the run; when the line was last drawn */
};

void progress_begin(struct progress *progress, const char *experiment);

/* A stack has been started. */
void progress_started(struct progress *progress, const struct experiment_stack *stack);

/* A stack has ended well. */
void progress_done(struct progress *progress, const struct cell *cell);

/* A stack is taken from an earlier run, or cannot be because of `why`. */
void progress_kept(struct progress *progress, const struct cell *cell);
void progress_again(struct progress *progress, const struct cell *cell,
		    const struct vmfee_error *why);

/* A stack has failed; others go on. */
void progress_failed(struct progress *progress, const struct cell *cell);

/* Shows how far the cells that run are; done of all stacks have ended. */
void progress_show(struct progress *progress, const struct cell *cells, unsigned count,
		   unsigned done, unsigned all);

/* Removes the line that changes. */
void progress_wipe(struct progress *progress);

#endif
