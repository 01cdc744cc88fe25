/*
 * What an experiment says of generations and depths, for people.
 */
#ifndef BENCH_REPORT_MATRIX_H
#define BENCH_REPORT_MATRIX_H

#include "bench/matrix.h"
#include "bench/project.h"

#include <stdio.h>

/* Writes the fee of each cell by component.  Nothing without groups.  Returns 0, or -1. */
int report_matrix(const struct matrix *matrix, const char *unit, FILE *out, unsigned width);

/* Writes what an operation takes in each cell, a table for each group.  Returns 0, or -1. */
int report_matrix_ticks(const struct matrix *matrix, const char *unit, FILE *out, unsigned width);

/*
 * Writes where the fee goes, in words and in one table, and what is published of it: all that a
 * person wants who asks for nothing else.  Returns 0, or -1 with an error.
 */
int report_headline(const struct results *results, const struct matrix *matrix,
		    const struct project *project, FILE *out, unsigned width,
		    struct vmfee_error *err);

#endif
