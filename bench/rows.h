/*
 * Rows of a results.db, one after the other, with what is wrong about them.
 */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "bench/err.h"
#include "telemetry/fee.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/* A query; without a statement, what all queries of a file share. */
struct rows {
	sqlite3 *db;
	sqlite3_stmt *statement;
	const char *path;
	struct vmfee_error *err;
};

/* Opens a file to be read, which rows_close() closes either way.  Returns 0, or -1. */
int rows_open(struct rows *rows, const char *path, struct vmfee_error *err);

void rows_close(struct rows *rows);

/*
 * Calls take() for each row of a query, whose parameter, if it has one, is id.  Returns 0, or -1
 * where that or take() failed.
 */
int rows_each(const struct rows *parent, const char *sql, uint64_t id,
	      int (*take)(const struct rows *rows, void *into), void *into);

/* Fails with what SQLite says, or with what is wrong with the file's contents.  Return -1. */
int rows_fail(const struct rows *rows);
int rows_damaged(const struct rows *rows, const char *what);

uint64_t rows_number(const struct rows *rows, int column);

/* What a terminal would obey becomes '?'. */
void rows_text(const struct rows *rows, int column, char *to, size_t size);

/* One that a stack can have.  Returns 0, or -1. */
int rows_level(const struct rows *rows, int column, unsigned *level);

/* By name.  Return 0, or -1 where there is none of that name. */
int rows_component(const struct rows *rows, int column, enum fee_component *component);
int rows_reason(const struct rows *rows, int column, uint16_t *reason);

/*
 * An array with room for one more element, zeroed, behind count of them.  NULL when memory is
 * short; then the array is as it was.
 */
void *rows_grow(const struct rows *rows, void *array, size_t count, size_t size);

#endif
