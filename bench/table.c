#include "bench/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { INDENT = 2, GAP = 2 };

static void add(struct table *table, char *text)
{
	if (table->cells == table->room) {
		size_t room = table->room == 0 ? 128 : 2 * table->room;
		char **cell = reallocarray(table->cell, room, sizeof(cell[0]));
		if (cell != NULL) {
			table->cell = cell;
			table->room = room;
		}
	}
	if (text == NULL || table->cells == table->room) {
		table->failed = true;
		free(text);
		return;
	}
	table->cell[table->cells++] = text;
}

void table_begin(struct table *table, const char *headings)
{
	memset(table, 0, sizeof(*table));
	for (;;) {
		size_t length = strcspn(headings, "|");
		bool left = headings[0] == '<';
		table->right[table->columns++] = !left;
		add(table, strndup(headings + left, length - left));
		if (headings[length] == '\0' || table->columns == TABLE_MAX_COLUMNS)
			return;
		headings += length + 1;
	}
}

bool table_column(struct table *table, const char *name, bool right)
{
	if (table->columns == TABLE_MAX_COLUMNS)
		return false;
	table->right[table->columns++] = right;
	add(table, strdup(name));
	return true;
}

void table_cell(struct table *table, const char *fmt, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, fmt);
	int length = vasprintf(&text, fmt, args);
	va_end(args);
	add(table, length < 0 ? NULL : text);
}

void table_number(struct table *table, double number)
{
	/* A tenth is the last digit; what rounds to nothing has no sign. */
	if (number > -0.05 && number < 0)
		number = 0;
	table_cell(table, "%.1f", number);
}

void table_none(struct table *table)
{
	table_cell(table, "-");
}

static size_t column_width(const struct table *table, unsigned column)
{
	size_t width = 0;

	for (size_t i = column; i < table->cells; i += table->columns) {
		size_t length = strlen(table->cell[i]);
		if (length > width)
			width = length;
	}
	return width;
}

/* Writes the last cell of a row, broken after a comma where the page ends. */
static void print_wrapped(FILE *out, const char *text, size_t left, size_t width)
{
	size_t room = width > left ? width - left : 1;

	for (;;) {
		size_t length = strlen(text);
		size_t taken = length;
		if (length > room) {
			taken = room;
			while (taken > 0 && text[taken - 1] != ' ')
				taken--;
			if (taken == 0)
				taken = strcspn(text, " ");
		}
		size_t end = taken;
		while (end > 0 && text[end - 1] == ' ')
			end--;
		fprintf(out, "%.*s\n", (int)end, text);
		text += taken;
		text += strspn(text, " ");
		if (*text == '\0')
			return;
		fprintf(out, "%*s", (int)left, "");
	}
}

static void print_row(const struct table *table, const size_t *widths, size_t row, FILE *out,
		      size_t page)
{
	size_t left = INDENT;

	fprintf(out, "%*s", INDENT, "");
	for (unsigned i = 0; i < table->columns; i++) {
		const char *text = table->cell[row * table->columns + i];
		int width = (int)widths[i];
		if (i == table->columns - 1 && !table->right[i])
			print_wrapped(out, text, left, page);
		else
			fprintf(out, "%*s%*s", table->right[i] ? width : -width, text,
				i == table->columns - 1 ? 0 : GAP, "");
		left += widths[i] + GAP;
	}
	if (table->right[table->columns - 1])
		fputc('\n', out);
}

static void print_rule(const struct table *table, const size_t *widths, FILE *out, size_t page)
{
	size_t width = (size_t)GAP * (table->columns - 1);

	for (unsigned i = 0; i < table->columns; i++)
		width += widths[i];
	if (width > page - INDENT)
		width = page - INDENT;
	fprintf(out, "%*s", INDENT, "");
	while (width-- > 0)
		fputc('-', out);
	fputc('\n', out);
}

int table_print(struct table *table, FILE *out, unsigned width)
{
	int failed = table->failed ? -1 : 0;
	size_t widths[TABLE_MAX_COLUMNS];

	for (unsigned i = 0; i < table->columns; i++)
		widths[i] = column_width(table, i);
	for (size_t row = 0; !failed && row * table->columns < table->cells; row++) {
		print_row(table, widths, row, out, width);
		if (row == 0)
			print_rule(table, widths, out, width);
	}
	table_free(table);
	return failed;
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->cells; i++)
		free(table->cell[i]);
	free(table->cell);
}
