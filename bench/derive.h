/*
 * What is derived from a run's results.db, and from nothing else: the report, the figures, the
 * page.
 */
#ifndef BENCH_DERIVE_H
#define BENCH_DERIVE_H

#include "bench/interrupt.h"
#include "bench/project.h"
#include "bench/results.h"

/* Writes report.txt into the directory of a run.  Returns 0, or -1. */
int derive_report(const struct results *results, const char *run, struct vmfee_error *err);

/*
 * Draws the figures, and makes the page that shows them.  A run is as good without them: what keeps
 * them from being drawn is told in undrawn, and is a failure of the run only where it is the user.
 * Returns 0, or -1.
 */
int derive_figures(const struct results *results, const struct project *project, const char *run,
		   const struct interrupts *interrupts, struct vmfee_error *undrawn,
		   struct vmfee_error *err);

#endif
