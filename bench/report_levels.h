/*
 * The part of the report about a stack whose hypervisors all recorded their exits: what an
 * operation takes at each level, and how many of a level's accesses to its VMCS are exits of the
 * one below.
 */
#ifndef BENCH_REPORT_LEVELS_H
#define BENCH_REPORT_LEVELS_H

#include "bench/results.h"

#include <stdio.h>

/*
 * Writes the tables, and nothing where a single level recorded exits.  Returns 0, or -1 when memory
 * was short.
 */
int report_levels(const struct result_stack *stack, FILE *out, unsigned width);

#endif
