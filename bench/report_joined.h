/* What each exit of a guest's guest took, level by level: a part of the report. */
#ifndef BENCH_REPORT_JOINED_H
#define BENCH_REPORT_JOINED_H

#include "bench/results.h"

#include <stdio.h>

/*
 * Writes the table of a stack whose KVM was observed beneath a hypervisor; nothing of others.
 * Returns 0, or -1 when memory was short.
 */
int report_joined(const struct result_stack *stack, const char *unit, FILE *out, unsigned width);

#endif
