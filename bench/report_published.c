#include "bench/report_published.h"
#include "bench/table.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* As many digits as a number of that size deserves. */
static int decimals(double number)
{
	return number >= 100 ? 0 : number >= 10 ? 1 : 2;
}

static bool is_whole(double number)
{
	return number == floor(number);
}

static void put_range(struct table *table, double low, double high)
{
	int digits = is_whole(low) && is_whole(high) ? 0 : decimals(high);

	if (low == high)
		table_cell(table, "%.*f", digits, low);
	else
		table_cell(table, "%.*f-%.*f", digits, low, digits, high);
}

static void put_row(struct table *table, const struct published_row *row,
		    const struct reproduction *ours, unsigned number)
{
	table_cell(table, "%u", number);
	table_cell(table, "%s", row->what);
	put_range(table, row->low, row->high);
	if (ours->by == NULL) {
		table_none(table);
		table_none(table);
	} else {
		put_range(table, ours->low, ours->high);
		put_range(table, reproduction_ratio_low(ours, row),
			  reproduction_ratio_high(ours, row));
	}
	table_cell(table, "%s, %s", published_unit_name(row->unit),
		   ours->by == NULL ? "nothing to compare" : ours->by);
}

/* Writes a text behind a number, broken between words where the page ends. */
static void put_note(FILE *out, unsigned width, unsigned number, const char *text)
{
	const unsigned indent = 4;
	unsigned column = (unsigned)fprintf(out, "%3u.", number);

	while (*text != '\0') {
		unsigned length = (unsigned)strcspn(text, " ");
		if (column > indent && column + 1 + length > width)
			column = (unsigned)fprintf(out, "\n%*s", (int)indent, "") - 1;
		column += (unsigned)fprintf(out, " %.*s", (int)length, text);
		text += length;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_note(const struct published_row *row, const struct reproduction *ours,
		       unsigned number, FILE *out, unsigned width)
{
	char text[3 * PUBLISHED_MAX_TEXT];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s. Ours: %s of %s", row->source,
				       row->benchmark, row->stack);

	if (row->reason[0] != '\0')
		used += (size_t)snprintf(text + used, sizeof(text) - used, ", exits %s",
					 row->reason);
	if (ours->by == NULL)
		used += (size_t)snprintf(text + used, sizeof(text) - used, ": %s", ours->why);
	else if (strcmp(ours->by, "modelled") == 0)
		used += (size_t)snprintf(text + used, sizeof(text) - used, ", by the model %s",
					 row->model);
	snprintf(text + used, sizeof(text) - used, ".%s%s", row->note[0] == '\0' ? "" : " ",
		 row->note);
	put_note(out, width, number, text);
}

static int work_out(struct reproduction *ours, const struct results *results,
		    const struct published *published, const char *models, struct vmfee_error *err)
{
	for (unsigned i = 0; i < published->rows; i++)
		if (reproduce(&ours[i], &published->row[i], results, models, err) != 0)
			return -1;
	return 0;
}

static int print_table(const struct published *published, const struct reproduction *ours,
		       FILE *out, unsigned width, struct vmfee_error *err)
{
	struct table table;

	table_begin(&table, "|<what|published|ours|ratio|<in");
	for (unsigned i = 0; i < published->rows; i++)
		put_row(&table, &published->row[i], &ours[i], i + 1);
	if (table_print(&table, out, width) != 0)
		return vmfee_fail(err, VMFEE_SYSTEM, "out of memory for the report");
	return 0;
}

int report_published_table(const struct results *results, const struct published *published,
			   const char *models, FILE *out, unsigned width, struct vmfee_error *err)
{
	struct reproduction ours[PUBLISHED_MAX_ROWS];

	if (work_out(ours, results, published, models, err) != 0)
		return -1;
	return print_table(published, ours, out, width, err);
}

int report_published(const struct results *results, const struct published *published,
		     const char *models, FILE *out, unsigned width, struct vmfee_error *err)
{
	struct reproduction ours[PUBLISHED_MAX_ROWS];

	if (work_out(ours, results, published, models, err) != 0)
		return -1;
	fprintf(out, "%s: %s\nPublished numbers and ours, by operation, on %s.\n\n",
		results_property(results, "experiment"), results_property(results, "title"),
		results_property(results, "platform"));
	if (print_table(published, ours, out, width, err) != 0)
		return -1;
	fprintf(out, "\nSources, and where the set-ups differ:\n\n");
	for (unsigned i = 0; i < published->rows; i++)
		print_note(&published->row[i], &ours[i], i + 1, out, width);
	return 0;
}

int report_published_csv(const struct results *results, const struct published *published,
			 const char *models, FILE *out, struct vmfee_error *err)
{
	fprintf(out, "row,unit,published_low,published_high,ours_low,ours_high,by,ratio_low,"
		     "ratio_high,stack,benchmark\n");
	for (unsigned i = 0; i < published->rows; i++) {
		const struct published_row *row = &published->row[i];
		struct reproduction ours;
		if (reproduce(&ours, row, results, models, err) != 0)
			return -1;
		fprintf(out, "%s,%s,%.10g,%.10g,", row->key, published_unit_name(row->unit),
			row->low, row->high);
		if (ours.by == NULL)
			fprintf(out, ",,,,");
		else
			fprintf(out, "%.10g,%.10g,%s,%.10g,%.10g", ours.low, ours.high, ours.by,
				reproduction_ratio_low(&ours, row),
				reproduction_ratio_high(&ours, row));
		fprintf(out, ",%s,%s\n", row->stack, row->benchmark);
	}
	return 0;
}
