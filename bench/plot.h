/*
 * The figures of a run, drawn by gnuplot from the templates of bench/plots/.
 */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include "bench/interrupt.h"
#include "bench/results.h"

/*
 * Draws every figure into run/plots, which is made where it is missing, as PNG and SVG, with the
 * data that gnuplot reads beside it.  templates is an absolute path.  interrupts is NULL where the
 * signals are not held back.  Returns 0; or -1 with VMFEE_DISK, VMFEE_INTERRUPTED, or VMFEE_SYSTEM
 * where there is no gnuplot or it fails.
 */
int plot_all(const struct results *results, const char *templates, const char *run,
	     const struct interrupts *interrupts, struct vmfee_error *err);

#endif
