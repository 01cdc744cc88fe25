#include "bench/reference.h"
#include "bench/generation.h"
#include "bench/schema.h"
#include "telemetry/fee.h"

#include <sqlite3.h>
#include <string.h>

static void write_record(FILE *out)
{
	fputs("## The exit record\n\nOne for each exit, 64 bytes, in the CTF trace "
	      "(`telemetry/record.def`).\n\n| field | type | unit | what |\n|---|---|---|---|\n",
	      out);
#define RECORD_HEADER(ctype, name, unit, text) \
	fprintf(out, "| `%s` | %s | %s | %s |\n", #name, #ctype, unit, text);
#define RECORD_FIELD(ctype, name, unit, text) \
	fprintf(out, "| `%s` | %s | %s | %s |\n", #name, #ctype, unit, text);
#define RECORD_COUNTER(ctype, name, text) \
	fprintf(out, "| `%s` | %s | count | %s |\n", #name, #ctype, text);
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
	fputs("\nIts `flags` (`telemetry/record_flags.def`):\n\n| bit | name | what |\n|---|---|---|\n",
	      out);
#define FLAG(NAME, bit, text) fprintf(out, "| %d | `RECORD_F_%s` | %s |\n", bit, #NAME, text);
#include "telemetry/record_flags.def"
#undef FLAG
}

static void write_components(FILE *out)
{
	fputs("\n## Components of the fee\n\n`telemetry/component.def`.\n\n"
	      "| component | what is charged to it |\n|---|---|\n",
	      out);
	for (int i = 0; i < FEE_COMPONENTS; i++)
		fprintf(out, "| %s | %s |\n", fee_component_name(i), fee_component_text(i));
}

/* What a detail of an exit is, that the record's qualification has. */
static const char *detail_text(const char *detail)
{
	static const char *const texts[][2] = {{"QUAL", "the exit qualification"},
					       {"ECX", "ECX of the guest: the MSR"},
					       {"EAX", "EAX of the guest: leaf or hypercall"}};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i][0], detail) == 0)
			return texts[i][1];
	return "–";
}

static void write_exit(FILE *out, unsigned number, const char *name, const char *detail,
		       const char *handler)
{
	if (strncmp(name, "UNUSED", strlen("UNUSED")) == 0)
		return;
	fprintf(out, "| %u | %s | %s | %s | %s%s%s |\n", number, name,
		fee_component_name(fee_component((uint16_t)number, 0, 0)), detail_text(detail),
		strcmp(handler, "unexpected") == 0 ? "" : "`exit_",
		strcmp(handler, "unexpected") == 0 ? "never comes" : handler,
		strcmp(handler, "unexpected") == 0 ? "" : "()`");
}

static void write_exits(FILE *out)
{
	fputs("\n## Exits\n\n`l1vmm/vmx/exit_reasons.def`, with what each is charged to, and what the "
	      "record's `qualification` has of it.\n\n"
	      "| reason | name | component | qualification | handler |\n|---|---|---|---|---|\n",
	      out);
#define EXIT(number, NAME, COMPONENT, DETAIL, handler) \
	write_exit(out, number, #NAME, #DETAIL, #handler);
#include "l1vmm/vmx/exit_reasons.def"
#undef EXIT
	fputs("\nWhere the detail decides, the first row that fits holds (`telemetry/fee.def`): the "
	      "record has the flag, and the masked qualification is in the range.\n\n"
	      "| reason | flag | mask | from | to | component |\n|---|---|---|---|---|---|\n",
	      out);
#define FEE(REASON, flags, mask, low, high, COMPONENT)                                      \
	fprintf(out, "| %s | %s | 0x%x | 0x%x | 0x%x | %s |\n", #REASON,                    \
		strcmp(#flags, "0") == 0 ? "–" : #flags, (unsigned)(mask), (unsigned)(low), \
		(unsigned)(high), fee_component_name(FEE_##COMPONENT));
#include "telemetry/fee.def"
#undef FEE
}

static void write_switches(FILE *out)
{
	const char *initial, *separator, *rest = "";

	fputs("\n## Switches\n\nOf a hypervisor's command line (`l1vmm/switches.def`), the default in bold; "
	      "of an assist the first value is as before it existed.\n\n| switch | values | what |\n"
	      "|---|---|---|",
	      out);
	/* A switch's values come behind it, so its text waits for them. */
#define SWITCH(name, NAME, def, text)               \
	fprintf(out, "%s\n| `%s` | ", rest, #name); \
	initial = #def, rest = " | " text " |", separator = "";
#define VALUE(NAME, VALUE, text)                                                               \
	fprintf(out, strcmp(initial, #VALUE) == 0 ? "%s**`%s`**" : "%s`%s`", separator, text); \
	separator = ", ";
#include "l1vmm/switches.def"
#undef SWITCH
#undef VALUE
	fprintf(out,
		"%s\n\n## Generations\n\n`generation=NAME` stands for these "
		"(`bench/generation.def`).\n\n| name | what came | switches |\n|---|---|---|\n",
		rest);
	for (unsigned i = 0; generation_name(i) != NULL; i++)
		fprintf(out, "| %s | %s | `%s` |\n", generation_name(i),
			generation_text(generation_name(i)),
			generation_switches(generation_name(i)));
}

/* What stands behind the comment mark of a line, up to its end. */
static void write_comment(FILE *out, const char *line, size_t length)
{
	for (size_t i = 0; i + 3 <= length; i++)
		if (memcmp(line + i, "-- ", 3) == 0) {
			fprintf(out, "%.*s", (int)(length - i - 3), line + i + 3);
			return;
		}
}

/* A column's line of the schema: tab, name, type, and so on. */
static void write_column(FILE *out, const char *line, size_t length)
{
	size_t name = strcspn(line + 1, " ");
	const char *type = line + 1 + name + strspn(line + 1 + name, " ");

	fprintf(out, "| `%.*s` | %.*s | ", (int)name, line + 1, (int)strcspn(type, " ,\n"), type);
	write_comment(out, line, length);
	fputs(" |\n", out);
}

/* The statement that made a table, comments and all; constraints are no columns. */
static void write_table(FILE *out, const char *sql)
{
	for (const char *line = sql; *line != '\0';) {
		size_t length = strcspn(line, "\n");
		if (line == sql) {
			write_comment(out, line, length);
			fputs("\n\n| column | type | what |\n|---|---|---|\n", out);
		} else if (line[0] == '\t' && line[1] >= 'a' && line[1] <= 'z') {
			write_column(out, line, length);
		}
		line += length + (line[length] == '\n');
	}
}

/* Comments of a view may go on over several lines, up to its query. */
static void write_view_text(FILE *out, const char *sql)
{
	const char *space = "";

	for (const char *line = sql; *line != '\0';) {
		size_t length = strcspn(line, "\n");
		const char *text = line + strspn(line, "\t");
		if (line != sql && strncmp(text, "-- ", 3) != 0)
			break;
		fputs(space, out);
		write_comment(out, line, length);
		space = " ";
		line += length + (line[length] == '\n');
	}
}

static int write_view(FILE *out, sqlite3 *db, const char *name, const char *sql)
{
	sqlite3_stmt *query;
	const char *separator = "\n\nColumns: ";

	write_view_text(out, sql);
	if (sqlite3_prepare_v2(db, "SELECT name FROM pragma_table_info(?)", -1, &query, NULL) !=
	    SQLITE_OK)
		return -1;
	sqlite3_bind_text(query, 1, name, -1, SQLITE_STATIC);
	for (; sqlite3_step(query) == SQLITE_ROW; separator = ", ")
		fprintf(out, "%s`%s`", separator, (const char *)sqlite3_column_text(query, 0));
	fputs(".\n", out);
	return sqlite3_finalize(query) == SQLITE_OK ? 0 : -1;
}

static int write_objects(FILE *out, sqlite3 *db, const char *type)
{
	sqlite3_stmt *query;
	int failed = 0;

	if (sqlite3_prepare_v2(db,
			       "SELECT name, sql FROM sqlite_master WHERE type = ? ORDER BY rowid",
			       -1, &query, NULL) != SQLITE_OK)
		return -1;
	sqlite3_bind_text(query, 1, type, -1, SQLITE_STATIC);
	while (!failed && sqlite3_step(query) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(query, 0);
		const char *sql = (const char *)sqlite3_column_text(query, 1);
		fprintf(out, "\n### %s\n\n", name);
		if (strcmp(type, "table") == 0)
			write_table(out, sql);
		else
			failed = write_view(out, db, name, sql);
	}
	return sqlite3_finalize(query) == SQLITE_OK && !failed ? 0 : -1;
}

static int write_database(FILE *out, struct vmfee_error *err)
{
	sqlite3 *db = NULL;

	fprintf(out,
		"\n## results.db\n\nSQLite, schema %d (`bench/schema.c`); `vmfee sql RUN 'SELECT …'` asks "
		"it.\n\n## Tables\n",
		SCHEMA_VERSION);
	int failed = sqlite3_open(":memory:", &db) != SQLITE_OK ||
		     sqlite3_exec(db, schema_sql, NULL, NULL, NULL) != SQLITE_OK ||
		     sqlite3_exec(db, schema_views_sql, NULL, NULL, NULL) != SQLITE_OK ||
		     write_objects(out, db, "table") != 0;
	if (!failed) {
		fputs("\n## Views\n\nThe common questions (`bench/schema_views.c`).\n", out);
		failed = write_objects(out, db, "view") != 0;
	}
	if (failed)
		vmfee_fail(err, VMFEE_SYSTEM, "the schema: %s", sqlite3_errmsg(db));
	sqlite3_close(db);
	return failed ? -1 : 0;
}

static void write_exporters(FILE *out)
{
	fputs("\n## Export formats\n\n`vmfee export FORMAT RUN` (`bench/export.def`).\n\n"
	      "| format | what |\n|---|---|\n",
	      out);
#define EXPORT(name, text) fprintf(out, "| `%s` | %s |\n", #name, text);
#include "bench/export.def"
#undef EXPORT
}

int reference_write(FILE *out, struct vmfee_error *err)
{
	fputs("# Reference\n\nMade by `make reference` of the definitions that are named in it: change "
	      "those, not this file.\n\n",
	      out);
	write_record(out);
	write_components(out);
	write_exits(out);
	write_switches(out);
	write_exporters(out);
	return write_database(out, err);
}
