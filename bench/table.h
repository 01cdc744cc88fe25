/*
 * A table of text: columns as wide as their widest cell, the last one wrapped to the width of the
 * page.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { TABLE_MAX_COLUMNS = 32 };

struct table {
	unsigned columns;
	bool right[TABLE_MAX_COLUMNS]; /* aligned to the right, as numbers are */
	char **cell;		       /* row by row, the heading first */
	size_t cells, room;
	bool failed; /* memory was short */
};

/*
 * Begins a table with its heading, a string per column separated by '|'.  A heading that starts
 * with '<' aligns its column to the left.
 */
void table_begin(struct table *table, const char *headings);

/*
 * Begins a table column by column: zero *table, then give each its name and whether it is aligned
 * to the right.  False where there are too many.
 */
bool table_column(struct table *table, const char *name, bool right);

/* Adds a cell.  Cells come row by row, as many in each row as there are headings. */
void table_cell(struct table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds a number with one decimal. */
void table_number(struct table *table, double number);

/* Adds "-": there is nothing to say. */
void table_none(struct table *table);

/*
 * Writes the table, indented by two columns, on a page of that many columns, and frees it.  Returns
 * 0, or -1 when memory was short.
 */
int table_print(struct table *table, FILE *out, unsigned width);

/* Frees a table that is not printed. */
void table_free(struct table *table);

#endif
