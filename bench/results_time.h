/*
 * When the exits of a stack came, from results.db.
 */
#ifndef BENCH_RESULTS_TIME_H
#define BENCH_RESULTS_TIME_H

#include "bench/results.h"
#include "bench/rows.h"

/* Reads those of the stack with that id.  Returns 0, or -1. */
int results_take_times(const struct rows *rows, struct result_stack *stack, uint64_t id);

#endif
