#include "bench/store.h"
#include "bench/schema.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum table {
	RUN,
	STACK,
	CAPABILITY,
	SWITCH,
	BENCHMARK,
	SAMPLE,
	EXPECTATION,
	SKIP,
	EXIT_SUM,
	EXIT_LATENCY,
	TLB,
	OBSERVED,
	TABLES
};

static const char *const insert_sql[TABLES] = {
	[RUN] = "INSERT INTO run VALUES (?, ?)",
	[STACK] = "INSERT INTO stack VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	[CAPABILITY] = "INSERT INTO capability VALUES (?, ?, ?, ?, ?)",
	[SWITCH] = "INSERT INTO switch VALUES (?, ?, ?, ?)",
	[BENCHMARK] = "INSERT INTO benchmark VALUES (?, ?, ?, ?, ?, ?, ?)",
	[SAMPLE] = "INSERT INTO sample VALUES (?, ?, ?)",
	[EXPECTATION] = "INSERT INTO expectation VALUES (?, ?, ?)",
	[SKIP] = "INSERT INTO skip VALUES (?, ?, ?)",
	[EXIT_SUM] = "INSERT INTO exit_sum VALUES (?, ?, ?, ?, ?, ?, "
#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) "?, "
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
		     "?, ?, ?, ?)",
	[EXIT_LATENCY] = "INSERT INTO exit_latency VALUES (?, ?, ?, ?, ?, ?, ?)",
	[TLB] = "INSERT INTO tlb VALUES (?, ?, ?, ?, ?)",
	[OBSERVED] = "INSERT INTO observed VALUES (?, ?, ?, ?, ?)",
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *insert[TABLES];
	sqlite3_int64 benchmarks; /* written so far: the id of the next one */
};

static int fail(struct store *store, struct vmfee_error *err)
{
	int code = store->db == NULL ? SQLITE_NOMEM : sqlite3_errcode(store->db);
	int number = store->db == NULL ? 0 : sqlite3_system_errno(store->db);
	bool full = code == SQLITE_FULL || number == ENOSPC || number == EDQUOT;

	return vmfee_fail(err, full ? VMFEE_DISK : VMFEE_SYSTEM, "results.db: %s",
			  full ? "no space left" : sqlite3_errstr(code));
}

/* A row on its way into a table, filled from left to right. */
struct row {
	struct store *store;
	sqlite3_stmt *insert;
	int column;
};

static struct row row_of(struct store *store, enum table table)
{
	return (struct row){.store = store, .insert = store->insert[table]};
}

static void put_number(struct row *row, uint64_t number)
{
	sqlite3_bind_int64(row->insert, ++row->column, (sqlite3_int64)number);
}

static void put_text(struct row *row, const char *text)
{
	sqlite3_bind_text(row->insert, ++row->column, text, -1, SQLITE_TRANSIENT);
}

/* SQLite integers are signed, and people read MSRs in hexadecimal anyway. */
static void put_hex(struct row *row, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, number);
	put_text(row, text);
}

static void put_null(struct row *row)
{
	sqlite3_bind_null(row->insert, ++row->column);
}

static int put_row(struct row *row, struct vmfee_error *err)
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
	struct row row = row_of(store, RUN);

	put_text(&row, key);
	put_text(&row, value);
	return put_row(&row, err);
}

/* Of the level whose trace the tables are about; others may look on from beneath. */
static uint64_t traced_records(const struct console *console, const struct exits *exits)
{
	uint64_t records = 0;

	for (size_t i = 0; i < exits->sums; i++)
		if (exits->sum[i].level >= console->traced)
			records += exits->sum[i].count;
	return records;
}

static int put_stack(struct store *store, unsigned number, const struct experiment_stack *stack,
		     const struct console *console, const struct exits *exits,
		     struct vmfee_error *err)
{
	struct row row = row_of(store, STACK);

	put_number(&row, number);
	put_text(&row, stack->name);
	put_text(&row, stack->notation);
	put_number(&row, stack_depth(&stack->stack));
	if (stack->probe_of[0] == '\0')
		put_null(&row);
	else
		put_text(&row, stack->probe_of);
	put_number(&row, traced_records(console, exits) > 0);
	put_number(&row, traced_records(console, exits));
	put_number(&row, console->dropped);
	return put_row(&row, err);
}

static int put_capabilities(struct store *store, unsigned number,
			    const struct console_notes *capabilities, struct vmfee_error *err)
{
	for (unsigned i = 0; i < capabilities->count; i++) {
		const struct console_note *note = &capabilities->note[i];
		struct row row = row_of(store, CAPABILITY);
		put_number(&row, number);
		put_number(&row, note->level);
		put_text(&row, note->name);
		put_hex(&row, note->msr);
		put_hex(&row, note->number);
		if (put_row(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_switches(struct store *store, unsigned number, const struct console_notes *switches,
			struct vmfee_error *err)
{
	for (unsigned i = 0; i < switches->count; i++) {
		const struct console_note *note = &switches->note[i];
		struct row row = row_of(store, SWITCH);
		put_number(&row, number);
		put_number(&row, note->level);
		put_text(&row, note->name);
		put_text(&row, note->value);
		if (put_row(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_skips(struct store *store, unsigned number, const struct console_notes *skips,
		     struct vmfee_error *err)
{
	for (unsigned i = 0; i < skips->count; i++) {
		struct row row = row_of(store, SKIP);
		put_number(&row, number);
		put_text(&row, skips->note[i].name);
		put_text(&row, skips->note[i].value);
		if (put_row(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_samples(struct store *store, const struct console_bench *bench,
		       struct vmfee_error *err)
{
	for (unsigned i = 0; i < bench->have; i++) {
		struct row row = row_of(store, SAMPLE);
		put_number(&row, (uint64_t)store->benchmarks);
		put_number(&row, i);
		put_number(&row, bench->ticks[i]);
		if (put_row(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_expectations(struct store *store, const struct console_bench *bench,
			    struct vmfee_error *err)
{
	for (unsigned i = 0; i < bench->expected; i++) {
		struct row row = row_of(store, EXPECTATION);
		put_number(&row, (uint64_t)store->benchmarks);
		put_text(&row, exit_reason_name(bench->expect[i].reason));
		put_number(&row, bench->expect[i].per_op);
		if (put_row(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_benchmark(struct store *store, unsigned number, const struct console_bench *bench,
			 struct vmfee_error *err)
{
	struct row row = row_of(store, BENCHMARK);

	put_number(&row, (uint64_t)store->benchmarks);
	put_number(&row, number);
	put_text(&row, bench->name);
	put_text(&row, fee_component_name(bench->component));
	put_number(&row, bench->ops);
	put_number(&row, bench->begin);
	put_number(&row, bench->end);
	if (put_row(&row, err) != 0 || put_samples(store, bench, err) != 0 ||
	    put_expectations(store, bench, err) != 0)
		return -1;
	store->benchmarks++;
	return 0;
}

/* first is the id of the stack's first benchmark; the windows count from it. */
static int put_exit_sum(struct store *store, unsigned number, sqlite3_int64 first,
			const struct exit_sum *sum, struct vmfee_error *err)
{
	struct row row = row_of(store, EXIT_SUM);

	put_number(&row, number);
	if (sum->window == EXITS_OUTSIDE)
		put_null(&row);
	else
		put_number(&row, (uint64_t)first + sum->window);
	put_number(&row, sum->level);
	put_text(&row, exit_reason_name(sum->reason));
	put_text(&row, fee_component_name(sum->component));
	put_number(&row, sum->count);
#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) put_number(&row, sum->counters.name);
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
	put_number(&row, sum->guest_ticks);
	put_number(&row, sum->handled_ticks);
	put_number(&row, sum->shortest);
	put_number(&row, sum->longest);
	return put_row(&row, err);
}

static int put_latency(struct store *store, unsigned number, const struct exit_latency *latency,
		       struct vmfee_error *err)
{
	for (size_t i = 0; i < latency->handled_ticks.buckets; i++) {
		struct row row = row_of(store, EXIT_LATENCY);
		if (latency->handled_ticks.count[i] == 0)
			continue;
		put_number(&row, number);
		put_number(&row, latency->level);
		put_text(&row, exit_reason_name(latency->reason));
		put_text(&row, fee_component_name(latency->component));
		put_number(&row, histogram_low(i));
		put_number(&row, histogram_high(i));
		put_number(&row, latency->handled_ticks.count[i]);
		if (put_row(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_tlb(struct store *store, unsigned number, const struct tlb_file *tlb,
		   struct vmfee_error *err)
{
	struct row row = row_of(store, TLB);
	char parameters[128] = "";

#define TLB_PARAMETER(key, least, most, text)                                              \
	snprintf(parameters + strlen(parameters), sizeof(parameters) - strlen(parameters), \
		 "%s" #key "=%" PRIu32, parameters[0] == '\0' ? "" : " ", tlb->parameters.key);
	TLB_PARAMETERS
#undef TLB_PARAMETER
	put_number(&row, number);
	put_text(&row, tlb->name);
	put_text(&row, tlb->title);
	put_number(&row, tlb->reference);
	put_text(&row, parameters);
	return put_row(&row, err);
}

/* first as in put_exit_sum(). */
static int put_observed(struct store *store, unsigned number, sqlite3_int64 first, unsigned window,
			const struct observed_sum *sum, struct vmfee_error *err)
{
	struct row row = row_of(store, OBSERVED);

	put_number(&row, number);
	if (window == EXITS_OUTSIDE)
		put_null(&row);
	else
		put_number(&row, (uint64_t)first + window);
	put_number(&row, sum->exits);
	put_number(&row, sum->refills);
	put_number(&row, sum->references);
	return put_row(&row, err);
}

/* A stack with a model has been observed. */
static int put_observatory(struct store *store, unsigned number, sqlite3_int64 first,
			   const struct tlb_file *tlb, const struct console *console,
			   const struct exits *exits, struct vmfee_error *err)
{
	if (tlb->name[0] == '\0' || exits->records == 0)
		return 0;
	if (put_tlb(store, number, tlb, err) != 0)
		return -1;
	for (unsigned i = 0; i < console->benches; i++)
		if (put_observed(store, number, first, i, &exits->observed[i], err) != 0)
			return -1;
	return put_observed(store, number, first, EXITS_OUTSIDE, &exits->observed[EXITS_OUTSIDE],
			    err);
}

int store_stack(struct store *store, unsigned number, const struct experiment_stack *stack,
		const struct console *console, const struct exits *exits, struct vmfee_error *err)
{
	sqlite3_int64 first = store->benchmarks;

	if (put_stack(store, number, stack, console, exits, err) != 0 ||
	    put_capabilities(store, number, &console->caps, err) != 0 ||
	    put_switches(store, number, &console->switches, err) != 0 ||
	    put_skips(store, number, &console->skips, err) != 0)
		return -1;
	for (unsigned i = 0; i < console->benches; i++)
		if (put_benchmark(store, number, &console->bench[i], err) != 0)
			return -1;
	for (size_t i = 0; i < exits->sums; i++)
		if (put_exit_sum(store, number, first, &exits->sum[i], err) != 0)
			return -1;
	for (size_t i = 0; i < exits->latencies; i++)
		if (put_latency(store, number, &exits->latency[i], err) != 0)
			return -1;
	return put_observatory(store, number, first, &stack->tlb, console, exits, err);
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
