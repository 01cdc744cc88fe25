/*
 * The report of modelled cycles.
 */
#ifndef BENCH_REPORT_MODEL_H
#define BENCH_REPORT_MODEL_H

#include "bench/modelled.h"

#include <stdio.h>

/*
 * Writes a table for each stack of the tables, on pages of that many columns, and where the prices
 * come from.  Returns 0, or -1 with VMFEE_USAGE where no stack can be priced.
 */
int report_model(const struct results *results, const struct model *model, FILE *out,
		 unsigned width, struct vmfee_error *err);

/* Writes a row of comma-separated values per benchmark and stack.  Returns likewise. */
int report_model_csv(const struct results *results, const struct model *model, FILE *out,
		     struct vmfee_error *err);

#endif
