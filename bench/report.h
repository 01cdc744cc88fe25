/*
 * The report of a run, for people: what virtualization cost, where it went, and what the trace
 * says.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/analysis.h"

#include <stdio.h>

enum { REPORT_WIDTH = 100 };

/*
 * Writes the report on pages of that many columns.  The text depends on the results and the width
 * alone.  Returns 0, or -1.
 */
int report_write(const struct results *results, FILE *out, unsigned width, struct vmfee_error *err);

/*
 * Writes the report to the file at path, on pages of REPORT_WIDTH columns.  Returns 0, or -1.
 */
int report_save(const struct results *results, const char *path, struct vmfee_error *err);

/*
 * Whether the trace has what the guests expected.  Returns 0, or -1 with VMFEE_SYSTEM and the first
 * difference.
 */
int report_check(const struct results *results, struct vmfee_error *err);

#endif
