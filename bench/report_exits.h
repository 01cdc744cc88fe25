/*
 * The part of the report that shows the whole trace, by exit reason.
 */
#ifndef BENCH_REPORT_EXITS_H
#define BENCH_REPORT_EXITS_H

#include "bench/results.h"

#include <stdio.h>

/*
 * Writes the table of one level's exits on a page of that many columns.  Returns 0, or -1 when
 * memory was short.
 */
int report_exits(const struct result_stack *stack, unsigned level, FILE *out, unsigned width);

#endif
