/*
 * The part of the report about stacks of several hypervisors: the same workload at each depth.
 */
#ifndef BENCH_REPORT_DEPTH_H
#define BENCH_REPORT_DEPTH_H

#include "bench/matrix.h"

#include <stdio.h>

/*
 * Writes a table for each workload that runs on two hypervisors or more: ticks of an operation on
 * each of its stacks but those of a matrix, which has a table of its own.  Returns 0, or -1 when
 * memory was short.
 */
int report_depth(const struct results *results, const struct matrix *matrix, FILE *out,
		 unsigned width);

#endif
