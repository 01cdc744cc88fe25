#include "bench/export.h"
#include "bench/query.h"

struct tables {
	const struct export *export;
	unsigned blocks;
};

/*
 * gnuplot tells blocks apart by two empty lines, and finds them by the first comment of each:
 * plot FILE index "NAME".
 */
static int take_table(const struct rows *rows, void *into)
{
	struct tables *tables = into;
	char name[RESULTS_MAX_TEXT + 1];
	char quoted[2 * RESULTS_MAX_TEXT];
	size_t used = 0;

	rows_text(rows, 0, name, sizeof(name));
	for (const char *c = name; *c != '\0'; c++) {
		if (*c == '"')
			quoted[used++] = '"';
		quoted[used++] = *c;
	}
	quoted[used] = '\0';
	char sql[sizeof(quoted) + 32];
	snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\"", quoted);
	fprintf(tables->export->out, "%s# %s\n# ", tables->blocks++ == 0 ? "" : "\n\n", name);
	return query_csv(tables->export->database, sql, tables->export->out, rows->err);
}

int export_csv(const struct export *export)
{
	struct tables tables = {.export = export};
	struct rows rows;

	if (export->stack != NULL || export->reason != NULL)
		return vmfee_fail(export->err, VMFEE_USAGE,
				  "csv is the whole database: vmfee sql --csv asks for a part");
	int failed = rows_open(&rows, export->database, export->err);
	if (!failed)
		failed = rows_each(&rows,
				   "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
				   "AND name NOT LIKE 'sqlite%' ORDER BY type, rowid",
				   0, take_table, &tables);
	rows_close(&rows);
	return failed ? -1 : 0;
}
