/*
 * The numbers of a run as comma-separated values: a heading, then a row per stack and benchmark.
 */
#ifndef BENCH_CSV_H
#define BENCH_CSV_H

#include "bench/analysis.h"

#include <stdio.h>

/*
 * Writes every stack of the results.  A field is empty where there is nothing to say: no trace, no
 * native counterpart.  Returns 0, or -1 with VMFEE_SYSTEM.
 */
int csv_write(const struct results *results, FILE *out, struct vmfee_error *err);

#endif
