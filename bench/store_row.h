/*
 * What the files that write results.db share: rows on their way into a table.
 */
#ifndef BENCH_STORE_ROW_H
#define BENCH_STORE_ROW_H

#include "bench/store.h"

#include <sqlite3.h>

enum table {
	TABLE_RUN,
	TABLE_STACK,
	TABLE_LOST,
	TABLE_CAPABILITY,
	TABLE_SWITCH,
	TABLE_BENCHMARK,
	TABLE_SAMPLE,
	TABLE_EXPECTATION,
	TABLE_SKIP,
	TABLE_EXIT_SUM,
	TABLE_EXIT_LATENCY,
	TABLE_EXIT_TIME,
	TABLE_JOINED,
	TABLE_JOINED_BENEATH,
	TABLE_PATH,
	TABLE_VMCS_ACCESS,
	TABLE_OBSERVED_LOG2,
	TABLE_TLB,
	TABLE_OBSERVED,
	TABLES
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *insert[TABLES];
	sqlite3_int64 benchmarks; /* written so far: the id of the next one */
};

/* A row on its way into a table, filled from left to right. */
struct row {
	struct store *store;
	sqlite3_stmt *insert;
	int column;
};

struct row row_of(struct store *store, enum table table);
void row_number(struct row *row, uint64_t number);
void row_text(struct row *row, const char *text);

/* SQLite integers are signed, and people read MSRs in hexadecimal anyway. */
void row_hex(struct row *row, uint64_t number);

void row_null(struct row *row);

/* Returns 0, or -1 with VMFEE_DISK or VMFEE_SYSTEM. */
int row_insert(struct row *row, struct vmfee_error *err);

/*
 * Adds the exits of a stack, and what was observed of it.  first is the id of its first benchmark:
 * the windows count from it.  Returns as row_insert().
 */
int store_exits(struct store *store, unsigned number, sqlite3_int64 first,
		const struct tlb_file *tlb, const struct console *console,
		const struct exits *exits, struct vmfee_error *err);

#endif
