/* What the TLB observatory saw, and who overtakes whom: parts of the report. */
#ifndef BENCH_REPORT_TLB_H
#define BENCH_REPORT_TLB_H

#include "bench/analysis.h"

#include <stdio.h>

/* The table of a stack that was observed.  Returns 0, or -1 when memory was short. */
int report_tlb(const struct analysis *analysis, FILE *out, unsigned width);

/*
 * For each two stacks that were observed with the same model: where the order of their modelled
 * costs changes.  Nothing where there are no two.  Returns as above.
 */
int report_crossovers(const struct results *results, FILE *out, unsigned width);

#endif
