#include "bench/rows.h"
#include "bench/stack.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_ROOM = 32 };

int rows_fail(const struct rows *rows)
{
	return vmfee_fail(rows->err, VMFEE_USAGE, "%s: %s", rows->path, sqlite3_errmsg(rows->db));
}

int rows_damaged(const struct rows *rows, const char *what)
{
	return vmfee_fail(rows->err, VMFEE_USAGE, "%s: damaged: %s", rows->path, what);
}

int rows_open(struct rows *rows, const char *path, struct vmfee_error *err)
{
	*rows = (struct rows){.path = path, .err = err};
	return sqlite3_open_v2(path, &rows->db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK
		       ? 0
		       : rows_fail(rows);
}

void rows_close(struct rows *rows)
{
	sqlite3_close(rows->db);
	rows->db = NULL;
}

/* The next row: 1, after the last one 0, or -1. */
static int next(const struct rows *rows)
{
	int code = sqlite3_step(rows->statement);

	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : rows_fail(rows);
}

int rows_each(const struct rows *parent, const char *sql, uint64_t id,
	      int (*take)(const struct rows *rows, void *into), void *into)
{
	struct rows rows = *parent;
	int more;

	if (sqlite3_prepare_v2(rows.db, sql, -1, &rows.statement, NULL) != SQLITE_OK)
		return rows_fail(&rows);
	if (sqlite3_bind_parameter_count(rows.statement) > 0)
		sqlite3_bind_int64(rows.statement, 1, (sqlite3_int64)id);
	while ((more = next(&rows)) > 0)
		if (take(&rows, into) != 0) {
			more = -1;
			break;
		}
	sqlite3_finalize(rows.statement);
	return more;
}

uint64_t rows_number(const struct rows *rows, int column)
{
	return (uint64_t)sqlite3_column_int64(rows->statement, column);
}

void rows_text(const struct rows *rows, int column, char *to, size_t size)
{
	const unsigned char *value = sqlite3_column_text(rows->statement, column);

	snprintf(to, size, "%s", value == NULL ? "" : (const char *)value);
	for (; *to != '\0'; to++)
		if (iscntrl((unsigned char)*to))
			*to = '?';
}

int rows_component(const struct rows *rows, int column, enum fee_component *component)
{
	char name[NAME_ROOM];

	rows_text(rows, column, name, sizeof(name));
	for (*component = 0; *component < FEE_COMPONENTS; (*component)++)
		if (strcmp(fee_component_name(*component), name) == 0)
			return 0;
	return rows_damaged(rows, "a component that is none");
}

int rows_level(const struct rows *rows, int column, unsigned *level)
{
	uint64_t number = rows_number(rows, column);

	if (number >= STACK_MAX_LEVELS)
		return rows_damaged(rows, "a level that is none");
	*level = (unsigned)number;
	return 0;
}

int rows_reason(const struct rows *rows, int column, uint16_t *reason)
{
	char name[NAME_ROOM];

	rows_text(rows, column, name, sizeof(name));
	int number = exit_reason_by_name(name);
	if (number < 0)
		return rows_damaged(rows, "an exit reason that is none");
	*reason = (uint16_t)number;
	return 0;
}

void *rows_grow(const struct rows *rows, void *array, size_t count, size_t size)
{
	char *grown = reallocarray(array, count + 1, size);

	if (grown == NULL) {
		vmfee_fail_errno(rows->err, "%s", rows->path);
		return NULL;
	}
	memset(grown + size * count, 0, size);
	return grown;
}
