/*
 * What a comparison came to, for people and for programs.
 */
#ifndef BENCH_COMPARE_REPORT_H
#define BENCH_COMPARE_REPORT_H

#include "bench/compare.h"

#include <stdio.h>

/* Two runs, and what of them is compared. */
struct compare_runs {
	const char *before_name, *after_name; /* as a person called them */
	const struct results *before, *after;
	struct comparison *comparison; /* a stack each */
	size_t comparisons;
	char gone[192], added[192]; /* stacks of one run alone, separated by ", " */
};

/*
 * Writes tables on pages of that many columns: the rows that differ, or with `all` all of them.
 * Returns 0, or -1 with VMFEE_SYSTEM when memory is short.
 */
int compare_print(const struct compare_runs *runs, bool all, FILE *out, unsigned width,
		  struct vmfee_error *err);

/* Writes a row of comma-separated values per stack and benchmark. */
void compare_csv(const struct compare_runs *runs, FILE *out);

/*
 * Lets the comparison pass where nothing became worse by more than so many percent.  Returns 0, or
 * -1 with VMFEE_WORSE and the rows that did.
 */
int compare_gate(const struct compare_runs *runs, double percent, struct vmfee_error *err);

#endif
