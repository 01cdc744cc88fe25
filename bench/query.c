#include "bench/query.h"
#include "bench/results.h"
#include "bench/table.h"

#include <ctype.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* Of text columns, what fits into a table. */
enum { MAX_CELL = 200 };

/* How one ends that is longer. */
#define CUT "..."

static const char schema[] = "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL "
			     "ORDER BY type, rowid";

struct query {
	const char *path;
	sqlite3 *db;
	sqlite3_stmt *statement;
	int columns;
	struct vmfee_error *err;
};

static int fail(const struct query *query)
{
	return vmfee_fail(query->err, VMFEE_USAGE, "%s: %s", query->path,
			  sqlite3_errmsg(query->db));
}

/* One statement, neither none nor several: the rest of the text would go unheard. */
static int prepare(struct query *query, const char *sql)
{
	sqlite3_stmt *second = NULL;
	const char *tail;

	if (sqlite3_prepare_v2(query->db, sql, -1, &query->statement, &tail) != SQLITE_OK)
		return fail(query);
	if (query->statement == NULL)
		return vmfee_fail(query->err, VMFEE_USAGE, "%s: the query is empty", query->path);
	int code = sqlite3_prepare_v2(query->db, tail, -1, &second, NULL);
	sqlite3_finalize(second);
	if (code != SQLITE_OK || second != NULL)
		return vmfee_fail(query->err, VMFEE_USAGE, "%s: one statement at a time",
				  query->path);
	query->columns = sqlite3_column_count(query->statement);
	return 0;
}

/* The same words mean other things in another schema. */
static int check_version(struct query *query)
{
	sqlite3_stmt *statement = NULL;
	int failed = sqlite3_prepare_v2(query->db, "PRAGMA user_version", -1, &statement, NULL) !=
			     SQLITE_OK ||
		     sqlite3_step(statement) != SQLITE_ROW;

	failed = failed ? fail(query)
			: results_check_version(query->path,
						(uint64_t)sqlite3_column_int64(statement, 0),
						query->err);
	sqlite3_finalize(statement);
	return failed;
}

static int open_query(struct query *query, const char *path, const char *sql,
		      struct vmfee_error *err)
{
	*query = (struct query){.path = path, .err = err};
	if (sqlite3_open_v2(path, &query->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		return fail(query);
	return check_version(query) != 0 ? -1 : prepare(query, sql);
}

static void close_query(const struct query *query)
{
	sqlite3_finalize(query->statement);
	sqlite3_close(query->db);
}

/* The next row: 1, after the last one 0, or -1. */
static int next(const struct query *query)
{
	int code = sqlite3_step(query->statement);

	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : fail(query);
}

static const char *value(const struct query *query, int column)
{
	const unsigned char *text = sqlite3_column_text(query->statement, column);

	return text == NULL ? "" : (const char *)text;
}

static bool is_number(const struct query *query, int column)
{
	int type = sqlite3_column_type(query->statement, column);

	return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

static void put_cell(struct table *table, const struct query *query, int column)
{
	char text[MAX_CELL + 1];

	switch (sqlite3_column_type(query->statement, column)) {
	case SQLITE_NULL:
		table_none(table);
		return;
	case SQLITE_FLOAT:
		table_cell(table, "%.10g", sqlite3_column_double(query->statement, column));
		return;
	default:
		if (snprintf(text, sizeof(text), "%s", value(query, column)) > MAX_CELL)
			memcpy(text + MAX_CELL - strlen(CUT), CUT, strlen(CUT));
		/* A terminal would obey them. */
		for (char *c = text; *c != '\0'; c++)
			if (iscntrl((unsigned char)*c))
				*c = ' ';
		table_cell(table, "%s", text);
	}
}

/* Whether a column is one of numbers is told by its first row. */
static int begin_table(struct table *table, const struct query *query)
{
	memset(table, 0, sizeof(*table));
	for (int i = 0; i < query->columns; i++)
		if (!table_column(table, sqlite3_column_name(query->statement, i),
				  is_number(query, i)))
			return vmfee_fail(query->err, VMFEE_USAGE,
					  "%s: a table has at most %d columns; --csv has as many "
					  "as you like",
					  query->path, TABLE_MAX_COLUMNS);
	return 0;
}

static int print_rows(const struct query *query, FILE *out, unsigned width)
{
	struct table table;
	int more = next(query);

	if (more < 0 || query->columns == 0)
		return more;
	int failed = begin_table(&table, query);
	for (; !failed && more > 0; more = next(query))
		for (int i = 0; i < query->columns; i++)
			put_cell(&table, query, i);
	if (failed || more < 0) {
		table_free(&table);
		return -1;
	}
	if (table_print(&table, out, width) != 0)
		return vmfee_fail(query->err, VMFEE_SYSTEM, "%s: out of memory for the table",
				  query->path);
	return 0;
}

/* The text of each row as it stands: that of a schema is laid out already. */
static int print_text(const struct query *query, FILE *out)
{
	int more;

	while ((more = next(query)) > 0)
		fprintf(out, "%s\n", value(query, 0));
	return more;
}

int query_print(const char *path, const char *sql, FILE *out, unsigned width,
		struct vmfee_error *err)
{
	struct query query;
	int failed = open_query(&query, path, sql == NULL ? schema : sql, err);

	if (!failed)
		failed = sql == NULL ? print_text(&query, out) : print_rows(&query, out, width);
	close_query(&query);
	return failed;
}

static void csv_field(FILE *out, const char *text)
{
	if (strpbrk(text, ",\"\r\n") == NULL) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text != '\0'; text++)
		fprintf(out, *text == '"' ? "\"%c" : "%c", *text);
	fputc('"', out);
}

static int csv_rows(const struct query *query, FILE *out)
{
	int more;

	for (int i = 0; i < query->columns; i++) {
		fputs(i == 0 ? "" : ",", out);
		csv_field(out, sqlite3_column_name(query->statement, i));
	}
	fputs(query->columns == 0 ? "" : "\n", out);
	while ((more = next(query)) > 0) {
		for (int i = 0; i < query->columns; i++) {
			fputs(i == 0 ? "" : ",", out);
			csv_field(out, value(query, i));
		}
		fputc('\n', out);
	}
	return more;
}

int query_csv(const char *path, const char *sql, FILE *out, struct vmfee_error *err)
{
	struct query query;
	int failed = open_query(&query, path, sql == NULL ? schema : sql, err);

	if (!failed)
		failed = csv_rows(&query, out);
	close_query(&query);
	return failed;
}
