#include "bench/store.h"
#include "bench/schema.h"
#include "bench/store_row.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const insert_sql[TABLES] = {
	[TABLE_RUN] = "INSERT INTO run VALUES (?, ?)",
	[TABLE_STACK] = "INSERT INTO stack VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[TABLE_LOST] = "INSERT INTO lost VALUES (?, ?, ?)",
	[TABLE_CAPABILITY] = "INSERT INTO capability VALUES (?, ?, ?, ?, ?)",
	[TABLE_SWITCH] = "INSERT INTO switch VALUES (?, ?, ?, ?)",
	[TABLE_BENCHMARK] = "INSERT INTO benchmark VALUES (?, ?, ?, ?, ?, ?, ?)",
	[TABLE_SAMPLE] = "INSERT INTO sample VALUES (?, ?, ?)",
	[TABLE_EXPECTATION] = "INSERT INTO expectation VALUES (?, ?, ?)",
	[TABLE_SKIP] = "INSERT INTO skip VALUES (?, ?, ?)",
	[TABLE_EXIT_SUM] = "INSERT INTO exit_sum VALUES (?, ?, ?, ?, ?, ?, "
#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) "?, "
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
			   "?, ?, ?, ?)",
	[TABLE_EXIT_LATENCY] = "INSERT INTO exit_latency VALUES (?, ?, ?, ?, ?, ?, ?)",
	[TABLE_EXIT_TIME] = "INSERT INTO exit_time VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[TABLE_JOINED] = "INSERT INTO joined VALUES (?, ?, ?, ?, ?, ?, ?)",
	[TABLE_JOINED_BENEATH] = "INSERT INTO joined_beneath VALUES (?, ?, ?, ?, ?, ?)",
	[TABLE_PATH] = "INSERT INTO path VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[TABLE_VMCS_ACCESS] = "INSERT INTO vmcs_access VALUES (?, ?, ?, ?, ?)",
	[TABLE_OBSERVED_LOG2] = "INSERT INTO observed_log2 VALUES (?, ?, ?, ?)",
	[TABLE_TLB] = "INSERT INTO tlb VALUES (?, ?, ?, ?, ?)",
	[TABLE_OBSERVED] = "INSERT INTO observed VALUES (?, ?, ?, ?, ?)",
};

static int fail(struct store *store, struct vmfee_error *err)
{
	int code = store->db == NULL ? SQLITE_NOMEM : sqlite3_errcode(store->db);
	int number = store->db == NULL ? 0 : sqlite3_system_errno(store->db);
	bool full = code == SQLITE_FULL || number == ENOSPC || number == EDQUOT;

	return vmfee_fail(err, full ? VMFEE_DISK : VMFEE_SYSTEM, "results.db: %s",
			  full ? "no space left" : sqlite3_errstr(code));
}

struct row row_of(struct store *store, enum table table)
{
	return (struct row){.store = store, .insert = store->insert[table]};
}

void row_number(struct row *row, uint64_t number)
{
	sqlite3_bind_int64(row->insert, ++row->column, (sqlite3_int64)number);
}

void row_text(struct row *row, const char *text)
{
	sqlite3_bind_text(row->insert, ++row->column, text, -1, SQLITE_TRANSIENT);
}

void row_hex(struct row *row, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, number);
	row_text(row, text);
}

void row_null(struct row *row)
{
	sqlite3_bind_null(row->insert, ++row->column);
}

int row_insert(struct row *row, struct vmfee_error *err)
{
	int failed = sqlite3_step(row->insert) != SQLITE_DONE ? fail(row->store, err) : 0;

	sqlite3_reset(row->insert);
	sqlite3_clear_bindings(row->insert);
	return failed;
}

struct store *store_create(const char *path, struct vmfee_error *err)
{
	struct store *store = calloc(1, sizeof(*store));

	if (store == NULL) {
		vmfee_fail_errno(err, "%s", path);
		return NULL;
	}
	/*
	 * A run that fails throws the file away, so there is nothing to roll back to and nothing to
	 * sync.
	 */
	bool good = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
				    NULL) == SQLITE_OK &&
		    sqlite3_exec(store->db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;",
				 NULL, NULL, NULL) == SQLITE_OK &&
		    sqlite3_exec(store->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK &&
		    sqlite3_exec(store->db, schema_sql, NULL, NULL, NULL) == SQLITE_OK &&
		    sqlite3_exec(store->db, schema_views_sql, NULL, NULL, NULL) == SQLITE_OK;
	for (int i = 0; good && i < TABLES; i++)
		good = sqlite3_prepare_v2(store->db, insert_sql[i], -1, &store->insert[i], NULL) ==
		       SQLITE_OK;
	if (good)
		return store;
	fail(store, err);
	store_abandon(store);
	return NULL;
}

int store_property(struct store *store, const char *key, const char *value, struct vmfee_error *err)
{
	struct row row = row_of(store, TABLE_RUN);

	row_text(&row, key);
	row_text(&row, value);
	return row_insert(&row, err);
}

/* Of the level that the tables are about; others may look on from beneath, or record their own. */
static uint64_t traced_records(const struct console *console, const struct exits *exits)
{
	uint64_t records = 0;

	for (size_t i = 0; i < exits->sums; i++)
		if (exits->sum[i].level == console->traced)
			records += exits->sum[i].count;
	return records;
}

static int put_stack(struct store *store, unsigned number, const struct experiment_stack *stack,
		     const struct console *console, const struct exits *exits,
		     struct vmfee_error *err)
{
	struct row row = row_of(store, TABLE_STACK);

	row_number(&row, number);
	row_text(&row, stack->name);
	row_text(&row, stack->notation);
	row_number(&row, stack_depth(&stack->stack));
	row_number(&row, stack_cpus(&stack->stack));
	if (stack->probe_of[0] == '\0')
		row_null(&row);
	else
		row_text(&row, stack->probe_of);
	if (stack->about[0] == '\0')
		row_null(&row);
	else
		row_text(&row, stack->about);
	row_number(&row, traced_records(console, exits) > 0);
	row_number(&row, traced_records(console, exits));
	return row_insert(&row, err);
}

static int put_lost(struct store *store, unsigned number, const struct console *console,
		    struct vmfee_error *err)
{
	for (unsigned level = 0; level < console->levels; level++) {
		struct row row = row_of(store, TABLE_LOST);
		if (console_lost(console, level) == 0)
			continue;
		row_number(&row, number);
		row_number(&row, level);
		row_number(&row, console_lost(console, level));
		if (row_insert(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_capabilities(struct store *store, unsigned number,
			    const struct console_notes *capabilities, struct vmfee_error *err)
{
	for (unsigned i = 0; i < capabilities->count; i++) {
		const struct console_note *note = &capabilities->note[i];
		struct row row = row_of(store, TABLE_CAPABILITY);
		row_number(&row, number);
		row_number(&row, note->level);
		row_text(&row, note->name);
		row_hex(&row, note->msr);
		row_hex(&row, note->number);
		if (row_insert(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_switches(struct store *store, unsigned number, const struct console_notes *switches,
			struct vmfee_error *err)
{
	for (unsigned i = 0; i < switches->count; i++) {
		const struct console_note *note = &switches->note[i];
		struct row row = row_of(store, TABLE_SWITCH);
		row_number(&row, number);
		row_number(&row, note->level);
		row_text(&row, note->name);
		row_text(&row, note->value);
		if (row_insert(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_skips(struct store *store, unsigned number, const struct console_notes *skips,
		     struct vmfee_error *err)
{
	for (unsigned i = 0; i < skips->count; i++) {
		struct row row = row_of(store, TABLE_SKIP);
		row_number(&row, number);
		row_text(&row, skips->note[i].name);
		row_text(&row, skips->note[i].value);
		if (row_insert(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_samples(struct store *store, const struct console_bench *bench,
		       struct vmfee_error *err)
{
	for (unsigned i = 0; i < bench->have; i++) {
		struct row row = row_of(store, TABLE_SAMPLE);
		row_number(&row, (uint64_t)store->benchmarks);
		row_number(&row, i);
		row_number(&row, bench->ticks[i]);
		if (row_insert(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_expectation(struct store *store, const char *reason, uint64_t per_op,
			   struct vmfee_error *err)
{
	struct row row = row_of(store, TABLE_EXPECTATION);

	row_number(&row, (uint64_t)store->benchmarks);
	row_text(&row, reason);
	row_number(&row, per_op);
	return row_insert(&row, err);
}

static int put_expectations(struct store *store, const struct console_bench *bench,
			    struct vmfee_error *err)
{
	if (bench->any_exits)
		return put_expectation(store, CONSOLE_ANY_EXITS, 0, err);
	for (unsigned i = 0; i < bench->expected; i++)
		if (put_expectation(store, exit_reason_name(bench->expect[i].reason),
				    bench->expect[i].per_op, err) != 0)
			return -1;
	return 0;
}

static int put_benchmark(struct store *store, unsigned number, const struct console_bench *bench,
			 struct vmfee_error *err)
{
	struct row row = row_of(store, TABLE_BENCHMARK);

	row_number(&row, (uint64_t)store->benchmarks);
	row_number(&row, number);
	row_text(&row, bench->name);
	row_text(&row, fee_component_name(bench->component));
	row_number(&row, bench->ops);
	row_number(&row, bench->begin);
	row_number(&row, bench->end);
	if (row_insert(&row, err) != 0 || put_samples(store, bench, err) != 0 ||
	    put_expectations(store, bench, err) != 0)
		return -1;
	store->benchmarks++;
	return 0;
}

int store_stack(struct store *store, unsigned number, const struct experiment_stack *stack,
		const struct console *console, const struct exits *exits, struct vmfee_error *err)
{
	sqlite3_int64 first = store->benchmarks;

	if (put_stack(store, number, stack, console, exits, err) != 0 ||
	    put_lost(store, number, console, err) != 0 ||
	    put_capabilities(store, number, &console->caps, err) != 0 ||
	    put_switches(store, number, &console->switches, err) != 0 ||
	    put_skips(store, number, &console->skips, err) != 0)
		return -1;
	for (unsigned i = 0; i < console->benches; i++)
		if (put_benchmark(store, number, &console->bench[i], err) != 0)
			return -1;
	return store_exits(store, number, first, &stack->tlb, console, exits, err);
}

int store_commit(struct store *store, struct vmfee_error *err)
{
	int failed = 0;

	if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		failed = fail(store, err);
	store_abandon(store);
	return failed;
}

void store_abandon(struct store *store)
{
	if (store == NULL)
		return;
	for (int i = 0; i < TABLES; i++)
		sqlite3_finalize(store->insert[i]);
	sqlite3_close(store->db);
	free(store);
}
