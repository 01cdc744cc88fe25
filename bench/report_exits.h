/*
 * The part of the report that shows the whole trace, by exit reason.
 */
#ifndef BENCH_REPORT_EXITS_H
#define BENCH_REPORT_EXITS_H

#include "bench/analysis.h"
#include "bench/table.h"

#include <stdio.h>

/*
 * Writes the table of one level's exits on a page of that many columns.  Returns 0, or -1 when
 * memory was short.
 */
int report_exits(const struct result_stack *stack, unsigned level, FILE *out, unsigned width);

/*
 * Adds a cell, "CPUID 1, EPT_VIOLATION 0.02": the exits of an operation; a '!' stands behind what
 * the guest did not expect.
 */
void report_exits_per_op(struct table *table, const struct analysis_row *row);

#endif
