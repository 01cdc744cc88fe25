/*
 * The part of results.db about several levels, read back: paths of exits, and a guest hypervisor's
 * accesses to its VMCS.
 */
#ifndef BENCH_RESULTS_LEVELS_H
#define BENCH_RESULTS_LEVELS_H

#include "bench/results.h"
#include "bench/rows.h"

/* Reads those of the stack with that id.  Returns as rows_each(). */
int results_take_levels(const struct rows *rows, struct result_stack *stack, uint64_t id);

#endif
