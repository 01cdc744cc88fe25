/*
 * A cost model from two runs of the same stacks: what operations took on a processor, and what they
 * were counted to do on Bochs.
 */
#ifndef BENCH_CALIBRATION_H
#define BENCH_CALIBRATION_H

#include "bench/fit.h"
#include "bench/results.h"

#include <stdio.h>

struct calibration {
	const char *run, *counts; /* names of the runs */
	const char *title;	  /* NULL: the processor's */
	const char *left_out;	  /* names of benchmarks, separated by commas; may be empty */
	bool force;		  /* also where ticks are no cycles */
};

/*
 * Fits, and writes the model as a file of bench/models/, with what it was fitted to as comments.
 * Returns 0; or -1 with VMFEE_USAGE where the runs are of no use for that, and nothing is written.
 */
int calibrate(const struct calibration *calibration, const struct results *measured,
	      const struct results *counted, FILE *out, struct vmfee_error *err);

#endif
