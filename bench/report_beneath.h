/*
 * The part of the report about a stack whose KVM was observed: the exits that KVM itself took for
 * each operation, and what observing them cost.
 */
#ifndef BENCH_REPORT_BENEATH_H
#define BENCH_REPORT_BENEATH_H

#include "bench/results.h"

#include <stdio.h>

/*
 * Writes the table, and nothing where KVM was not observed.  Returns 0, or -1 when memory was
 * short.
 */
int report_beneath(const struct results *results, const struct result_stack *stack, FILE *out,
		   unsigned width);

#endif
