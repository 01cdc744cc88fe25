#include "bench/merge.h"
#include "bench/copy.h"
#include "bench/project.h"
#include "bench/schema.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A database on its way to become that of several. */
struct join_db {
	sqlite3 *db;
	const char *path;
	struct vmfee_error *err;
};

int merge_add(struct merge *merge, const char *path, const char *database, struct vmfee_error *err)
{
	if (merge->sources == MERGE_MAX_SOURCES)
		return vmfee_fail(err, VMFEE_USAGE, "more than %d runs", MERGE_MAX_SOURCES);
	struct merge_source *source = &merge->source[merge->sources++];
	snprintf(source->path, sizeof(source->path), "%s", path);
	snprintf(source->database, sizeof(source->database), "%s", database);
	/* results/fee/ is fee as well. */
	for (size_t i = strlen(source->path); i > 1 && source->path[i - 1] == '/'; i--)
		source->path[i - 1] = '\0';
	const char *slash = strrchr(source->path, '/');
	source->name = slash == NULL ? source->path : slash + 1;
	if (results_load(&source->results, database, err) != 0)
		return -1;
	source->taken = calloc(source->results.stacks, sizeof(source->taken[0]));
	return source->taken == NULL ? vmfee_fail_errno(err, "%s", path) : 0;
}

/* What all numbers of one run have in common. */
static int check_same(const struct merge *merge, struct vmfee_error *err)
{
	static const char *const keys[] = {"platform", "platform_version", "cpu", "tick", "unit",
					   "vmfee"};
	const struct merge_source *first = &merge->source[0];

	for (unsigned i = 1; i < merge->sources; i++)
		for (size_t j = 0; j < sizeof(keys) / sizeof(keys[0]); j++) {
			const struct merge_source *other = &merge->source[i];
			const char *one = results_property(&first->results, keys[j]);
			const char *two = results_property(&other->results, keys[j]);
			if (strcmp(one, two) != 0)
				return vmfee_fail(err, VMFEE_USAGE,
						  "%s and %s are no parts of one run: their %s is "
						  "'%.60s' and '%.60s'",
						  first->name, other->name, keys[j], one, two);
		}
	return 0;
}

static int db_fail(const struct join_db *db)
{
	return vmfee_fail(db->err,
			  sqlite3_errcode(db->db) == SQLITE_FULL ? VMFEE_DISK : VMFEE_SYSTEM,
			  "%s: %s", db->path, sqlite3_errmsg(db->db));
}

/* Takes over the text of a statement, which sqlite3_mprintf() made. */
static int execute(const struct join_db *db, char *sql)
{
	int code = sql == NULL ? SQLITE_NOMEM : sqlite3_exec(db->db, sql, NULL, NULL, NULL);

	sqlite3_free(sql);
	return code == SQLITE_OK ? 0 : db_fail(db);
}

static int ask_number(const struct join_db *db, sqlite3_int64 *number, char *sql)
{
	sqlite3_stmt *statement = NULL;
	int failed = sql == NULL ||
		     sqlite3_prepare_v2(db->db, sql, -1, &statement, NULL) != SQLITE_OK ||
		     sqlite3_step(statement) != SQLITE_ROW;

	if (failed)
		db_fail(db);
	else
		*number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_free(sql);
	return failed ? -1 : 0;
}

/* A stack as it is in one of the two databases, and which numbers it has there. */
struct place {
	const char *schema; /* main, source */
	sqlite3_int64 stack, benchmark;
};

/* Which rows of a table are about a stack. */
static char *rows_of(const char *table, const struct place *place)
{
	if (strcmp(table, "stack") == 0)
		return sqlite3_mprintf("id = %lld", place->stack);
	if (strcmp(table, "sample") == 0 || strcmp(table, "expectation") == 0)
		return sqlite3_mprintf("benchmark IN (SELECT id FROM %s.benchmark WHERE stack = "
				       "%lld)",
				       place->schema, place->stack);
	return sqlite3_mprintf("stack = %lld", place->stack);
}

/* Asks for text, to be freed by sqlite3_free(). */
static char *ask_text(const struct join_db *db, char *sql)
{
	sqlite3_stmt *statement = NULL;
	char *text = NULL;

	if (sql != NULL && sqlite3_prepare_v2(db->db, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		text = sqlite3_mprintf("%s", sqlite3_column_text(statement, 0));
	if (text == NULL)
		db_fail(db);
	sqlite3_finalize(statement);
	sqlite3_free(sql);
	return text;
}

/*
 * A query for what a table has of a stack, with other numbers: those of `as` in place of those of
 * `from`.  NULL with an error.
 */
static char *select_rows(const struct join_db *db, const char *table, const struct place *from,
			 const struct place *as)
{
	char *columns = ask_text(
		db,
		sqlite3_mprintf("SELECT group_concat(CASE"
				" WHEN name = 'stack' OR (%Q = 'stack' AND name = 'id') THEN '%lld'"
				" WHEN name = 'benchmark' OR (%Q = 'benchmark' AND name = 'id')"
				" THEN name || ' - %lld + %lld' ELSE name END)"
				" FROM (SELECT name FROM pragma_table_info(%Q) ORDER BY cid)",
				table, as->stack, table, from->benchmark, as->benchmark, table));
	char *rows = columns == NULL ? NULL : rows_of(table, from);
	char *sql = rows == NULL ? NULL
				 : sqlite3_mprintf("SELECT %s FROM %s.%s WHERE %s", columns,
						   from->schema, table, rows);

	sqlite3_free(columns);
	sqlite3_free(rows);
	return sql;
}

/* Calls for each table that is about stacks, in the order of the schema. */
static int each_table(const struct join_db *db,
		      int (*call)(const struct join_db *db, const char *table,
				  const struct place *from, const struct place *to, bool *same),
		      const struct place *from, const struct place *to, bool *same)
{
	sqlite3_stmt *statement;
	int failed = 0;

	if (sqlite3_prepare_v2(db->db,
			       "SELECT name FROM main.sqlite_master WHERE type = 'table' AND "
			       "name <> 'run' ORDER BY rowid",
			       -1, &statement, NULL) != SQLITE_OK)
		return db_fail(db);
	while (!failed && sqlite3_step(statement) == SQLITE_ROW)
		failed = call(db, (const char *)sqlite3_column_text(statement, 0), from, to, same);
	sqlite3_finalize(statement);
	return failed;
}

static int copy_rows(const struct join_db *db, const char *table, const struct place *from,
		     const struct place *to, bool *same)
{
	(void)same;
	char *rows = select_rows(db, table, from, to);
	int failed =
		rows == NULL || execute(db, sqlite3_mprintf("INSERT INTO main.%s %s", table, rows));

	sqlite3_free(rows);
	return failed ? -1 : 0;
}

/* Rows that only one of the two has; a row that is there twice counts. */
static int compare_rows(const struct join_db *db, const char *table, const struct place *from,
			const struct place *to, bool *same)
{
	char *there = select_rows(db, table, from, to);
	char *here = there == NULL ? NULL : select_rows(db, table, to, to);
	sqlite3_int64 different = 0;
	int failed = here == NULL ||
		     ask_number(db, &different,
				sqlite3_mprintf("SELECT (SELECT count(*) FROM (%s EXCEPT %s))"
						" + (SELECT count(*) FROM (%s EXCEPT %s))"
						" + abs((SELECT count(*) FROM (%s)) - "
						"(SELECT count(*) FROM (%s)))",
						there, here, here, there, there, here));

	*same = *same && different == 0;
	sqlite3_free(there);
	sqlite3_free(here);
	return failed ? -1 : 0;
}

/* Which source a stack that is there has been taken from. */
static const char *owner(const struct merge *merge, const char *stack)
{
	for (unsigned i = 0; i < merge->sources; i++)
		for (size_t j = 0; j < merge->source[i].results.stacks; j++)
			if (merge->source[i].taken[j] &&
			    strcmp(merge->source[i].results.stack[j].name, stack) == 0)
				return merge->source[i].name;
	return NULL;
}

/* Sets the numbers that a stack has in a database.  None of its own: those that a new one gets. */
static int find_place(const struct join_db *db, struct place *place, const char *name, bool there)
{
	const char *in = place->schema;

	if (!there)
		return ask_number(db, &place->stack,
				  sqlite3_mprintf("SELECT count(*) FROM %s.stack", in)) ||
		       ask_number(db, &place->benchmark,
				  sqlite3_mprintf("SELECT ifnull(max(id) + 1, 0) FROM %s.benchmark",
						  in));
	return ask_number(db, &place->stack,
			  sqlite3_mprintf("SELECT id FROM %s.stack WHERE name = %Q", in, name)) ||
	       ask_number(db, &place->benchmark,
			  sqlite3_mprintf("SELECT ifnull(min(id), 0) FROM %s.benchmark "
					  "WHERE stack = %lld",
					  in, place->stack));
}

static int take_stack(const struct join_db *db, struct merge *merge, struct merge_source *source,
		      size_t number)
{
	const char *name = source->results.stack[number].name;
	const char *had = owner(merge, name);
	struct place from = {.schema = "source"};
	struct place to = {.schema = "main"};
	bool same = true;

	if (find_place(db, &from, name, true) != 0 || find_place(db, &to, name, had != NULL) != 0 ||
	    each_table(db, had == NULL ? copy_rows : compare_rows, &from, &to, &same) != 0)
		return -1;
	if (!same)
		return vmfee_fail(db->err, VMFEE_USAGE,
				  "%s and %s have different results of the stack '%s'", had,
				  source->name, name);
	source->taken[number] = had == NULL;
	return 0;
}

static int take_source(const struct join_db *db, struct merge *merge, struct merge_source *source)
{
	int failed = execute(db, sqlite3_mprintf("ATTACH %Q AS source", source->database)) ||
		     execute(db, sqlite3_mprintf("BEGIN"));

	for (size_t i = 0; !failed && i < source->results.stacks; i++)
		failed = take_stack(db, merge, source, i);
	return failed || execute(db, sqlite3_mprintf("COMMIT")) ||
	       execute(db, sqlite3_mprintf("DETACH source"));
}

/* The text of a property where all have the same; else of each, with its name. */
static void gather(const struct merge *merge, const char *key, char *text, size_t size)
{
	const char *first = results_property(&merge->source[0].results, key);
	bool same = true;
	size_t used = 0;

	for (unsigned i = 1; i < merge->sources; i++)
		same = same && strcmp(results_property(&merge->source[i].results, key), first) == 0;
	snprintf(text, size, "%s", same ? first : "");
	for (unsigned i = 0; !same && i < merge->sources && used < size; i++) {
		const char *value = results_property(&merge->source[i].results, key);
		if (value[0] != '\0')
			used += (size_t)snprintf(text + used, size - used, "%s%s: %s",
						 used == 0 ? "" : "; ", merge->source[i].name,
						 value);
	}
}

static int put_property(const struct join_db *db, const char *key, const char *value)
{
	return execute(db, sqlite3_mprintf("INSERT INTO main.run VALUES (%Q, %Q)", key, value));
}

static int put_properties(const struct join_db *db, const struct merge *merge)
{
	const struct results *first = &merge->source[0].results;
	char text[RESULTS_MAX_TEXT + 1];
	size_t used = 0;

	for (unsigned i = 0; i < first->properties; i++) {
		const char *key = first->property[i].key;
		gather(merge, key, text, sizeof(text));
		if (strcmp(key, "experiment") == 0)
			snprintf(text, sizeof(text), "%s", merge->name);
		if (strcmp(key, "sources") != 0 && put_property(db, key, text) != 0)
			return -1;
	}
	for (unsigned i = 0; i < merge->sources && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
					 i == 0 ? "" : ", ", merge->source[i].name);
	return put_property(db, "sources", text);
}

int merge_databases(struct merge *merge, const char *path, struct vmfee_error *err)
{
	struct join_db db = {.path = path, .err = err};

	if (check_same(merge, err) != 0)
		return -1;
	/* A run that fails throws the file away. */
	int failed = sqlite3_open_v2(path, &db.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
				     NULL) != SQLITE_OK ||
		     sqlite3_exec(db.db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;",
				  NULL, NULL, NULL) != SQLITE_OK ||
		     sqlite3_exec(db.db, schema_sql, NULL, NULL, NULL) != SQLITE_OK ||
		     sqlite3_exec(db.db, schema_views_sql, NULL, NULL, NULL) != SQLITE_OK;
	if (failed)
		db_fail(&db);
	for (unsigned i = 0; !failed && i < merge->sources; i++)
		failed = take_source(&db, merge, &merge->source[i]);
	failed = failed || put_properties(&db, merge) != 0;
	sqlite3_close(db.db);
	return failed ? -1 : 0;
}

int merge_folders(const struct merge *merge, const char *run, struct vmfee_error *err)
{
	char from[PATH_MAX];
	char to[PATH_MAX];

	for (unsigned i = 0; i < merge->sources; i++) {
		const struct merge_source *source = &merge->source[i];
		for (size_t j = 0; j < source->results.stacks; j++) {
			const char *name = source->results.stack[j].name;
			if (!source->taken[j])
				continue;
			if (project_path(from, source->path, name, "", err) != 0 ||
			    project_path(to, run, name, "", err) != 0)
				return -1;
			if (access(from, F_OK) == 0 && copy_tree(from, to, err) != 0)
				return -1;
		}
	}
	return 0;
}

void merge_free(struct merge *merge)
{
	for (unsigned i = 0; i < merge->sources; i++) {
		results_free(&merge->source[i].results);
		free(merge->source[i].taken);
	}
}
