#include "bench/results.h"
#include "bench/rundir.h"
#include "bench/schema.h"
#include "bench/store.h"

#include <criterion/criterion.h>

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/bench_rig.h"
#include "tests/unit/bench_run.h"

static char folder[PATH_MAX];
static char path[PATH_MAX];
static struct results results;

static void set_up(void)
{
	rig_folder(folder);
	rig_file(folder, "results.db", "", path);
}

static void tear_down(void)
{
	results_free(&results);
	rundir_remove_tree(folder);
}

TestSuite(store, .init = set_up, .fini = tear_down);

Test(store, what_is_written_is_read_back)
{
	bench_run(folder, &results);

	cr_assert_eq(results.stacks, 3);
	cr_expect_str_eq(results_property(&results, "title"), "What it costs");
	cr_expect_str_eq(results_property(&results, "nonsense"), "");

	const struct result_stack *stack = &results.stack[1];
	cr_expect_str_eq(stack->name, "l1vmm");
	cr_expect_str_eq(stack->notation, "l1vmm / micro");
	cr_expect_str_eq(stack->probe_of, "");
	cr_expect_eq(stack->depth, 1);
	cr_expect(stack->traced);
	cr_expect_eq(stack->records, 14);
	cr_expect_eq(stack->lost[0], 3);
	cr_expect_eq(stack->lost[1], 2);
	cr_expect_eq(stack->lost[2], 0);
	cr_assert_eq(stack->outsides, 1);
	cr_expect_eq(stack->outside[0].handled_ticks, 70);
	cr_expect_str_eq(results.stack[2].probe_of, "l1vmm");
	cr_expect_not(results.stack[2].traced);

	const struct result_bench *bench = results_bench(stack, "cpuid");
	cr_assert_not_null(bench);
	cr_expect_eq(bench->component, FEE_EMULATION);
	cr_expect_eq(bench->ops, 2);
	cr_assert_eq(bench->samples, 4);
	cr_expect_eq(bench->ticks[0], 220);
	cr_expect_eq(bench->ticks[3], 230);
	cr_assert_eq(bench->expected, 1);
	cr_expect_not(bench->any_exits);
	cr_expect(results_bench(stack, "walk")->any_exits);
	cr_expect_eq(bench->expect[0].reason, exit_reason_by_name("CPUID"));
	cr_assert_eq(bench->exits, 1);
	cr_expect_eq(bench->exit[0].count, 8);
	cr_expect_eq(bench->exit[0].handled_ticks, 720);
	cr_expect_eq(bench->exit[0].guest_ticks, 40);
	cr_expect_eq(bench->exit[0].counters.vmreads, 24);
	cr_expect_eq(bench->exit[0].counters.nested_entries, 0);

	cr_assert_eq(results.stack[0].skips, 1);
	cr_expect_str_eq(results.stack[0].skip[0].name, "vmcall");
	cr_expect_str_eq(results.stack[0].skip[0].why, "no-hypervisor");
	cr_expect_null(results_bench(&results.stack[0], "vmcall"));
}

/* The one value that a query gives, as text. */
static void expect_query(const char *sql, const char *wanted)
{
	sqlite3 *db;
	sqlite3_stmt *query;

	cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK, "%s: %s", sql,
		     sqlite3_errmsg(db));
	cr_assert_eq(sqlite3_step(query), SQLITE_ROW, "%s", sql);
	cr_expect_str_eq((const char *)sqlite3_column_text(query, 0), wanted, "%s", sql);
	sqlite3_finalize(query);
	sqlite3_close(db);
}

Test(store, the_schema_explains_itself_to_people)
{
	bench_run(folder, &results);

	expect_query("PRAGMA integrity_check", "ok");
	expect_query("SELECT count(*) FROM pragma_foreign_key_check", "0");
	expect_query("SELECT value FROM capability WHERE stack = 1", "0xffd810000000002b");
	expect_query("SELECT name || '=' || value FROM switch WHERE stack = 1", "mmu=ept:2m");
	expect_query("SELECT exits_per_op FROM exits_per_op WHERE stack = 'l1vmm' AND benchmark = "
		     "'io'",
		     "1.5");
	expect_query("SELECT instr(sql, '-- VMREADs') > 0 FROM sqlite_master WHERE name = "
		     "'exit_sum'",
		     "1");
}

static void execute(const char *sql)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql,
		     sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void expect_refused(const char *why)
{
	struct vmfee_error err = {0};

	results_free(&results);
	cr_expect_eq(results_load(&results, path, &err), -1, "%s", why);
	cr_expect_eq(err.status, VMFEE_USAGE);
	cr_expect_eq(strncmp(err.text, path, strlen(path)), 0, "%s", err.text);
	cr_expect_not_null(strstr(err.text, why), "%s", err.text);
	results_free(&results);
}

/* Those at 110, 210 and 310; the one at 1000 is outside of all benchmarks. */
Test(store, exits_are_kept_by_when_they_came)
{
	uint64_t count = 0;

	bench_run(folder, &results);
	for (size_t i = 0; i < results.stack[1].times; i++) {
		const struct result_time *time = &results.stack[1].time[i];
		cr_expect_eq(time->end - time->begin, 6, "a hundredth of 500, and a bit");
		cr_expect(time->begin >= 108 && time->end <= 318);
		count += time->count;
	}
	cr_expect_eq(count, 13);
	expect_query("SELECT sum(count) || ' ' || min(begin_tsc) || ' ' || max(low) FROM exit_time "
		     "WHERE reason = 'CPUID'",
		     "8 108 80");
	cr_expect_eq(results.stack[0].times, 0);
}

Test(store, a_file_that_is_something_else_is_refused)
{
	expect_refused("schema 0, expected " SCHEMA_STRING(SCHEMA_VERSION));
	rig_file(folder, "results.db", "This is not a database but a text of some length.", path);
	expect_refused("file is not a database");
	snprintf(path, sizeof(path), "/nowhere/results.db");
	expect_refused("unable to open database file");
}

/* The same figures as tests/unit/test_report_joined.c has. */
Test(store, what_joined_exits_cost)
{
	bench_run(folder, &results);
	execute("INSERT INTO joined VALUES (1, NULL, 'CPUID', 2, 3, 260, 30), "
		"(1, NULL, 'VMREAD', 1, 1, 20, 20);"
		"INSERT INTO joined_beneath VALUES (1, NULL, 'CPUID', 'CPUID', 2, 600), "
		"(1, NULL, 'CPUID', 'VMREAD', 1, 100), (1, NULL, 'CPUID', 'VMRESUME', 2, 300), "
		"(1, NULL, 'VMREAD', 'VMRESUME', 1, 50)");
	expect_query("SELECT kvm_exits || ' ' || in_kvm || ' ' || in_l1 || ' ' || transition FROM "
		     "joined_cost WHERE reason = 'CPUID' AND benchmark IS NULL",
		     "2.5 500.0 100.0 50.0");
	expect_query("SELECT in_l1 || ' ' || transition FROM joined_cost WHERE reason = 'VMREAD'",
		     "0.0 40.0");
}

Test(store, a_file_that_was_changed_is_checked)
{
	static const struct {
		const char *change;
		const char *why;
	} rows[] = {
		{"PRAGMA user_version = 1", "schema 1, expected " SCHEMA_STRING(SCHEMA_VERSION)},
		{"DROP TABLE skip", "no such table: skip"},
		{"UPDATE benchmark SET ops = 0", "a benchmark without samples"},
		{"UPDATE benchmark SET name = 'void' WHERE name = 'empty'",
		 "a stack without the benchmark 'empty'"},
		{"DELETE FROM run", "damaged: it holds no run"},
		{"DELETE FROM exit_sum; DELETE FROM expectation; DELETE FROM sample; DELETE FROM "
		 "benchmark; DELETE FROM skip; DELETE FROM switch; DELETE FROM capability; DELETE "
		 "FROM stack",
		 "damaged: it holds no run"},
		{"DELETE FROM sample", "a benchmark without samples"},
		{"UPDATE benchmark SET component = 'tax'", "a component that is none"},
		{"UPDATE exit_sum SET reason = 'FROB'", "an exit reason that is none"},
		{"UPDATE exit_sum SET level = 8", "a level that is none"},
		{"UPDATE exit_latency SET level = -1", "a level that is none"},
		{"UPDATE exit_time SET level = 4294967296", "a level that is none"},
		{"INSERT INTO lost VALUES (1, 8, 1)", "a level that is none"},
		{"DELETE FROM exit_latency", "damaged: exits without latencies"},
		{"DELETE FROM exit_sum; DELETE FROM exit_latency",
		 "damaged: other exits than its trace has"},
		{"UPDATE benchmark SET end_tsc = begin_tsc - 1 WHERE begin_tsc > 0",
		 "a benchmark that ends before it begins"},
		{"UPDATE exit_latency SET count = count + 1",
		 "damaged: latencies of other exits than there are"},
		{"UPDATE exit_latency SET high = low - 1", "a bucket of latencies that is none"},
		{"UPDATE exit_time SET end_tsc = begin_tsc", "a slice of time that is none"},
		{"UPDATE exit_time SET high = low - 1 WHERE low > 0",
		 "a slice of time that is none"},
		{"UPDATE exit_time SET component = 'tax'", "a component that is none"},
		{"INSERT INTO joined VALUES (1, NULL, 'CPUID', 0, 1, 1, 1)",
		 "a joined exit that took nothing"},
		{"INSERT INTO joined VALUES (1, NULL, 'CPUID', 1, 2, 19, 10)",
		 "a joined exit that took nothing"},
		{"INSERT INTO joined_beneath VALUES (1, NULL, 'CPUID', 'FROB', 1, 1)",
		 "an exit reason that is none"},
		{"INSERT INTO path VALUES (1, 0, NULL, NULL, 0, 'beside', 'CPUID', 0, 1, 1)",
		 "a path of a kind that is none"},
		{"INSERT INTO path VALUES (1, 1, NULL, NULL, 0, 'alone', 'CPUID', 0, 1, 1)",
		 "paths that are not numbered"},
		{"INSERT INTO path VALUES (1, 0, 0, NULL, 0, 'alone', 'CPUID', 0, 1, 1)",
		 "a path from nowhere"},
		{"INSERT INTO path VALUES (1, 0, NULL, 0, 0, 'alone', 'CPUID', 0, 1, 1)",
		 "a path from nowhere"},
		{"INSERT INTO path VALUES (1, 0, NULL, NULL, 8, 'alone', 'CPUID', 0, 1, 1)",
		 "a path from nowhere"},
		{"INSERT INTO path VALUES (1, 0, NULL, NULL, 0, 'alone', 'CPUID', 0, 0, 1)",
		 "a path from nowhere"},
		{"INSERT INTO path VALUES (1, 0, NULL, NULL, 0, 'alone', 'FROB', 0, 1, 1)",
		 "an exit reason that is none"},
		{"INSERT INTO vmcs_access VALUES (1, 0, 'FROB', 1, 1)",
		 "a VMCS field that is none"},
		{"UPDATE stack SET name = '../' || id", "a stack with a name that is none"},
		{"UPDATE benchmark SET name = 'a b' || id", "a benchmark with a name that is none"},
		{"INSERT INTO expectation SELECT 0, 'CPUID', 1 FROM sample",
		 "too many expectations"},
		{"INSERT INTO run SELECT benchmark || number || ticks, 'x' FROM sample; INSERT INTO "
		 "run SELECT 'x' || rowid, 'x' FROM expectation; INSERT INTO run SELECT 'a' || name, "
		 "'' FROM sqlite_master",
		 "too many properties"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char old[PATH_MAX];
		rig_file(folder, "results.db", "", old);
		bench_run(folder, &results);
		execute(rows[i].change);
		expect_refused(rows[i].why);
	}
}

Test(store, no_text_commands_the_terminal)
{
	struct vmfee_error err = {0};

	bench_run(folder, &results);
	execute("UPDATE run SET value = 'a' || char(27) || '[2J' || char(127) WHERE key = 'title'");
	results_free(&results);
	cr_assert_eq(results_load(&results, path, &err), 0, "%s", err.text);
	cr_expect_str_eq(results_property(&results, "title"), "a?[2J?");
}

Test(store, a_place_that_cannot_be_written_is_named)
{
	struct vmfee_error err = {0};

	cr_expect_null(store_create("/nowhere/results.db", &err));
	cr_expect_eq(err.status, VMFEE_SYSTEM);
	cr_expect_str_eq(err.text, "results.db: unable to open database file");
}
