/*
 * The part of the report about what an exit at an upper level takes: of its own VMCS, and of the
 * levels beneath.
 */
#ifndef BENCH_REPORT_PATHS_H
#define BENCH_REPORT_PATHS_H

#include "bench/results.h"

#include <stdio.h>

/*
 * Writes a table for each level above the lowest, and nothing where there is none.  Returns 0, or
 * -1 when memory was short.
 */
int report_paths(const struct result_stack *stack, const char *unit, FILE *out, unsigned width);

#endif
