/*
 * The part of the report about interrupts: on each stack, how far it is from their source to the
 * handler and through their end, and the exits of one.
 */
#ifndef BENCH_REPORT_INTERRUPTS_H
#define BENCH_REPORT_INTERRUPTS_H

#include "bench/results.h"

#include <stdio.h>

/*
 * Writes a table of the benchmarks with -latency in their names, where there are any.  One that
 * goes through the end of the same interrupt is NAME-whole or NAME.  Returns 0, or -1 when memory
 * was short.
 */
int report_interrupts(const struct results *results, FILE *out, unsigned width);

#endif
