/*
 * The part of the report about timers that tick: how far from their period, and how many were lost.
 */
#ifndef BENCH_REPORT_TICKS_H
#define BENCH_REPORT_TICKS_H

#include "bench/results.h"

#include <stdio.h>

/*
 * Writes a table of the benchmarks tick-PERIOD and tick-...-PERIOD, each sample of which reaches
 * from one tick to the next, where there are any.  Returns 0, or -1 when memory was short.
 */
int report_ticks(const struct results *results, FILE *out, unsigned width);

#endif
