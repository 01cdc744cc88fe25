/*
 * The part of the report about stacks that differ in VMCS shadowing alone: which accesses it saves
 * from being exits, field by field.
 */
#ifndef BENCH_REPORT_FIELDS_H
#define BENCH_REPORT_FIELDS_H

#include "bench/results.h"

#include <stdio.h>

/* Writes a table for each such pair.  Returns 0, or -1 when memory was short. */
int report_fields(const struct results *results, FILE *out, unsigned width);

#endif
