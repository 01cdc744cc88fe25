/* The part of results_load() that reads joined exits. */
#ifndef BENCH_RESULTS_JOINED_H
#define BENCH_RESULTS_JOINED_H

#include "bench/results.h"
#include "bench/rows.h"

/* Returns 0, or -1. */
int results_take_joined(const struct rows *rows, struct result_stack *stack, uint64_t id);

#endif
