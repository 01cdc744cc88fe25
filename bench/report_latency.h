/*
 * The part of the report that says how long exits took, as `perf kvm stat` does.
 */
#ifndef BENCH_REPORT_LATENCY_H
#define BENCH_REPORT_LATENCY_H

#include "bench/results.h"

#include <stdio.h>

/*
 * Writes a table for each level on a page of that many columns.  Returns 0, or -1 when memory was
 * short.
 */
int report_latency(const struct result_stack *stack, const char *unit, FILE *out, unsigned width);

#endif
