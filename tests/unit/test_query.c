#include "bench/analysis.h"
#include "bench/project.h"
#include "bench/query.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/bench_rig.h"
#include "tests/unit/bench_run.h"

static char folder[PATH_MAX];
static char path[PATH_MAX];
static struct results results;
static struct vmfee_error err;

static void set_up(void)
{
	rig_folder(folder);
	bench_run(folder, &results);
	cr_assert_eq(project_path(path, folder, "results", ".db", &err), 0);
}

static void tear_down(void)
{
	results_free(&results);
	rundir_remove_tree(folder);
}

TestSuite(query, .init = set_up, .fini = tear_down);

static char *ask(bool csv, const char *sql)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int failed = csv ? query_csv(path, sql, out, &err) : query_print(path, sql, out, 100, &err);

	fclose(out);
	cr_assert_eq(failed, 0, "%s: %s", sql, err.text);
	return text;
}

static void expect_csv(const char *sql, const char *wanted)
{
	char *text = ask(true, sql);

	cr_expect_str_eq(text, wanted, "%s", sql);
	free(text);
}

/* The number that a query for one has. */
static double ask_number(const char *fmt, const char *stack, const char *benchmark,
			 const char *third)
{
	char sql[512];

	snprintf(sql, sizeof(sql), fmt, stack, benchmark, third);
	char *text = ask(true, sql);
	const char *row = strchr(text, '\n');
	double number = row == NULL || row[1] == '\0' ? (double)NAN : strtod(row + 1, NULL);
	free(text);
	return number;
}

static void expect_same(double got, double wanted, const char *stack, const char *benchmark)
{
	cr_expect(fabs(got - wanted) < 1e-9, "%s %s: got %.12g, wanted %.12g", stack, benchmark,
		  got, wanted);
}

static void expect_row_as_analysed(const struct result_stack *stack, const struct analysis_row *row)
{
	expect_same(ask_number("SELECT ticks_per_op FROM ticks_per_op WHERE stack = '%s' "
			       "AND benchmark = '%s'",
			       stack->name, row->name, ""),
		    row->ticks, stack->name, row->name);
	for (unsigned i = 0; i < row->exits; i++)
		expect_same(ask_number("SELECT exits_per_op FROM exits_per_op WHERE stack = '%s' "
				       "AND benchmark = '%s' AND reason = '%s'",
				       stack->name, row->name,
				       exit_reason_name(row->exit[i].reason)),
			    row->exit[i].per_op, stack->name, row->name);
	if (!analysis_has_fee(row))
		return;
	expect_same(ask_number("SELECT fee_per_op FROM fee WHERE stack = '%s' "
			       "AND benchmark = '%s'",
			       stack->name, row->name, ""),
		    row->fee, stack->name, row->name);
	for (int i = 0; i < FEE_COMPONENTS; i++)
		expect_same(ask_number("SELECT ifnull(sum(fee_per_op), 0) FROM fee_component "
				       "WHERE stack = '%s' AND benchmark = '%s' "
				       "AND component = '%s'",
				       stack->name, row->name, fee_component_name(i)),
			    row->part[i], stack->name, row->name);
}

/* Returns the number of fees. */
static size_t expect_views_as_analysed(void)
{
	size_t priced = 0;

	for (size_t i = 0; i < results.stacks; i++) {
		struct analysis analysis;
		cr_assert_eq(analyse(&analysis, &results, &results.stack[i], &err), 0);
		for (size_t j = 0; j < analysis.rows; j++)
			if (analysis.row[j].bench != NULL)
				expect_row_as_analysed(&results.stack[i], &analysis.row[j]);
		priced += analysis.priced;
		analysis_free(&analysis);
	}
	cr_expect_eq(priced, ask_number("SELECT count(*) FROM fee%s%s%s", "", "", ""));
	return priced;
}

Test(query, the_views_say_what_the_report_says)
{
	cr_expect_eq(expect_views_as_analysed(), 8);
}

Test(query, another_workload_is_native_to_none)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db,
				  "UPDATE stack SET notation = 'memory only=micro' WHERE id = 0",
				  NULL, NULL, NULL),
		     SQLITE_OK);
	sqlite3_close(db);
	results_free(&results);
	cr_assert_eq(results_load(&results, path, &err), 0);
	cr_expect_eq(expect_views_as_analysed(), 0);
	expect_csv("SELECT image FROM workload ORDER BY stack", "image\nmemory\nmicro\nmicro\n");
}

Test(query, exits_have_their_mean_cost)
{
	expect_csv("SELECT stack, reason, exits, handled_ticks, vmreads FROM exit_cost "
		   "WHERE reason = 'CPUID'",
		   "stack,reason,exits,handled_ticks,vmreads\n"
		   "l1vmm,CPUID,9," /* 8 of 90 ticks and one of 70 */
		   "87.7777777777778,3.0\n");
}

Test(query, a_table_aligns_numbers_and_obeys_nothing)
{
	char *text = ask(false, "SELECT name, id * 10 AS ten, NULL AS none, 'a' || char(27, 10) || "
				"'b' AS odd FROM stack WHERE id < 2");

	cr_expect_str_eq(text, "  name    ten  none  odd\n"
			       "  -----------------------\n"
			       "  native    0  -     a  b\n"
			       "  l1vmm    10  -     a  b\n");
	free(text);
}

Test(query, a_cell_that_is_cut_says_so)
{
	char *text = ask(false, "SELECT printf('%.200c', 'x') AS whole");

	cr_expect_null(strstr(text, "..."));
	free(text);
	text = ask(false, "SELECT printf('%.201c', 'x') AS cut");
	cr_expect_not_null(strstr(text, "xx...\n"));
	free(text);
}

Test(query, csv_quotes_what_would_end_a_field)
{
	expect_csv("SELECT 'a,b' AS x, 'say \"so\"' AS y, 'two' || char(10) || 'lines' AS z, "
		   "NULL AS n, 1.5 AS f",
		   "x,y,z,n,f\n\"a,b\",\"say \"\"so\"\"\",\"two\nlines\",,1.5\n");
	expect_csv("SELECT name FROM stack WHERE 0", "name\n");
}

Test(query, without_a_query_the_schema_explains_itself)
{
	char *text = ask(false, NULL);

	cr_expect_not_null(strstr(text, "CREATE TABLE run ( -- what was run"));
	cr_expect_not_null(strstr(text, "CREATE VIEW fee AS -- what an operation takes more"));
	free(text);
}

Test(query, errors_say_what_is_wrong)
{
	static const struct {
		const char *sql, *error;
	} rows[] = {
		{"SELECT x FROM stack", "no such column: x"},
		{"SELEC", "near \"SELEC\": syntax error"},
		{"SELECT * FROM nowhere", "no such table: nowhere"},
		{"", "the query is empty"},
		{" -- nothing\n", "the query is empty"},
		{"SELECT 1; SELECT 2", "one statement at a time"},
		{"SELECT 1; nonsense", "one statement at a time"},
		{"DELETE FROM sample", "attempt to write a readonly database"},
		{"DROP TABLE sample", "attempt to write a readonly database"},
		{"SELECT abs(-9223372036854775808)", "integer overflow"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		FILE *out = fopen("/dev/null", "we");
		err = (struct vmfee_error){0};
		cr_expect_eq(query_print(path, rows[i].sql, out, 100, &err), -1, "%s", rows[i].sql);
		cr_expect_eq(err.status, VMFEE_USAGE);
		cr_expect_not_null(strstr(err.text, rows[i].error), "%s: %s", rows[i].sql,
				   err.text);
		fclose(out);
	}
	expect_csv("SELECT count(*) AS n FROM sample WHERE benchmark = 0", "n\n4\n");
}

Test(query, what_is_no_database_is_refused)
{
	char other[PATH_MAX];

	rig_file(folder, "other.db",
		 "no database, but longer than the header of one would be: "
		 "SQLite has to see that it is none at all, and say so here.",
		 other);
	cr_expect_eq(query_csv(other, "SELECT 1 FROM sqlite_schema", stdout, &err), -1);
	cr_expect_not_null(strstr(err.text, "file is not a database"), "%s", err.text);

	err = (struct vmfee_error){0};
	cr_assert_eq(unlink(other), 0);
	cr_expect_eq(query_csv(other, "SELECT 1", stdout, &err), -1);
	cr_expect_not_null(strstr(err.text, "unable to open database file"), "%s", err.text);
	cr_expect_eq(access(other, F_OK), -1, "and none is made");
}

Test(query, more_columns_than_a_table_has_room_for)
{
	FILE *out = fopen("/dev/null", "we");
	char sql[512] = "SELECT 1";

	for (int i = 1; i < 40; i++)
		strcat(sql, ", 1");
	cr_expect_eq(query_print(path, sql, out, 100, &err), -1);
	cr_expect_not_null(strstr(err.text, "at most 32 columns; --csv"), "%s", err.text);
	err = (struct vmfee_error){0};
	cr_expect_eq(query_csv(path, sql, out, &err), 0);
	fclose(out);
}

Test(query, a_database_of_another_schema_is_refused)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	cr_expect_eq(query_csv(path, "SELECT * FROM fee", stdout, &err), -1);
	cr_expect_eq(err.status, VMFEE_USAGE);
	cr_expect_not_null(strstr(err.text, "not a results.db of this vmfee (schema 99, expected"),
			   "%s", err.text);
	err = (struct vmfee_error){0};
	cr_expect_eq(query_print(path, NULL, stdout, 80, &err), -1, "not even its schema");
}
