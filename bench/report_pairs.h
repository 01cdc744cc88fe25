/*
 * The part of the report that sets KVM against l1vmm as L0: stacks that differ in nothing else.
 */
#ifndef BENCH_REPORT_PAIRS_H
#define BENCH_REPORT_PAIRS_H

#include "bench/results.h"

#include <stdio.h>

/* Writes a table for each such pair.  Returns 0, or -1 when memory was short. */
int report_pairs(const struct results *results, FILE *out, unsigned width);

#endif
