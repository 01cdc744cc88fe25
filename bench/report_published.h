/*
 * The report of a reproduction: published numbers, ours, and how far they are apart.
 */
#ifndef BENCH_REPORT_PUBLISHED_H
#define BENCH_REPORT_PUBLISHED_H

#include "bench/reproduction.h"

#include <stdio.h>

/*
 * Writes a table with the sources and notes of its rows, on pages of that many columns.  Returns 0,
 * or -1.
 */
int report_published(const struct results *results, const struct published *published,
		     const char *models, FILE *out, unsigned width, struct vmfee_error *err);

/* Writes the table alone.  Returns likewise. */
int report_published_table(const struct results *results, const struct published *published,
			   const char *models, FILE *out, unsigned width, struct vmfee_error *err);

/* Writes a row of comma-separated values per published number.  Returns likewise. */
int report_published_csv(const struct results *results, const struct published *published,
			 const char *models, FILE *out, struct vmfee_error *err);

#endif
