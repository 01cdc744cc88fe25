/*
 * The part of the report about stacks of several hypervisors: the same workload at each depth.
 */
#ifndef BENCH_REPORT_DEPTH_H
#define BENCH_REPORT_DEPTH_H

#include "bench/results.h"

#include <stdio.h>

/*
 * Writes a table for each workload that runs on two hypervisors or more: ticks of an operation on
 * each of its stacks.  Returns 0, or -1 when memory was short.
 */
int report_depth(const struct results *results, FILE *out, unsigned width);

#endif
