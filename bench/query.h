/*
 * Questions in SQL to a results.db, which stays as it is.
 */
#ifndef BENCH_QUERY_H
#define BENCH_QUERY_H

#include "bench/err.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Puts one statement to the file at path and writes its rows as a table on pages of that many
 * columns; without a statement, the schema of the file.  Returns 0, or -1 with VMFEE_USAGE where
 * the file or the statement is wrong.
 */
int query_print(const char *path, const char *sql, FILE *out, unsigned width,
		struct vmfee_error *err);

/* The same as comma-separated values, a heading first (RFC 4180, lines end as in Unix). */
int query_csv(const char *path, const char *sql, FILE *out, struct vmfee_error *err);

#endif
