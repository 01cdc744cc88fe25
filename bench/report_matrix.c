#include "bench/report_matrix.h"
#include "bench/lead.h"
#include "bench/paragraph.h"
#include "bench/report_published.h"
#include "bench/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put_part(struct table *table, double part)
{
	if (fabs(part) < 0.5)
		table_none(table);
	else
		table_cell(table, "%.0f", part);
}

/* Whether any cell has something in that column; FEE_COMPONENTS is what upper hypervisors ran. */
static bool is_used(const struct matrix *matrix, int column)
{
	for (unsigned i = 0; i < matrix->groups; i++)
		for (unsigned j = 0; j < matrix->group[i].cells; j++) {
			const struct matrix_cell *cell = &matrix->group[i].cell[j];
			if (fabs(column == FEE_COMPONENTS ? cell->upper : cell->part[column]) >=
			    0.5)
				return true;
		}
	return false;
}

int report_matrix(const struct matrix *matrix, const char *unit, FILE *out, unsigned width)
{
	struct table table = {0};
	int columns[FEE_COMPONENTS + 1];
	unsigned used = 0;

	if (matrix->groups == 0)
		return 0;
	fprintf(out,
		"\nThe fee by generation and depth, %s for one operation of each benchmark:\n\n",
		unit);
	table_column(&table, "workload", false);
	table_column(&table, "levels", true);
	table_column(&table, "with", false);
	table_column(&table, "fee", true);
	for (int i = 0; i <= FEE_COMPONENTS; i++) {
		if (!is_used(matrix, i))
			continue;
		table_column(&table, i == FEE_COMPONENTS ? MATRIX_UPPER : fee_component_name(i),
			     true);
		columns[used++] = i;
	}
	for (unsigned i = 0; i < matrix->groups; i++)
		for (unsigned j = 0; j < matrix->group[i].cells; j++) {
			const struct matrix_cell *cell = &matrix->group[i].cell[j];
			table_cell(&table, "%s", matrix->group[i].name);
			table_cell(&table, "%u", cell->depth);
			table_cell(&table, "%s", cell->generation);
			table_cell(&table, "%.0f", fabs(cell->fee) < 0.5 ? 0 : cell->fee);
			for (unsigned k = 0; k < used; k++)
				put_part(&table, columns[k] == FEE_COMPONENTS
							 ? cell->upper
							 : cell->part[columns[k]]);
		}
	if (table_print(&table, out, width) != 0)
		return -1;
	paragraph(out, width,
		  "Levels are hypervisors under the workload; `upper` is what those above "
		  "the lowest run themselves.");
	for (unsigned i = 0; i < matrix->groups; i++)
		if (matrix->group[i].about[0] != '\0')
			paragraph(out, width, "%s: %s.", matrix->group[i].name,
				  matrix->group[i].about);
	return 0;
}

static int print_ticks(const struct matrix_group *group, const char *unit, FILE *out,
		       unsigned width)
{
	struct table table = {0};

	fprintf(out, "\n%s by generation and depth, %s per operation:\n\n", group->name, unit);
	table_column(&table, "levels", true);
	table_column(&table, "with", false);
	for (unsigned i = 0; i < group->benches; i++)
		table_column(&table, group->bench[i], true);
	table_cell(&table, "0");
	table_cell(&table, "%s", group->native->name);
	for (unsigned i = 0; i < group->benches; i++)
		table_number(&table, analysis_ticks(group->native,
						    results_bench(group->native, group->bench[i])));
	for (unsigned i = 0; i < group->cells; i++) {
		table_cell(&table, "%u", group->cell[i].depth);
		table_cell(&table, "%s", group->cell[i].generation);
		for (unsigned j = 0; j < group->benches; j++)
			table_number(&table, group->cell[i].ticks[j]);
	}
	return table_print(&table, out, width);
}

int report_matrix_ticks(const struct matrix *matrix, const char *unit, FILE *out, unsigned width)
{
	int failed = 0;

	for (unsigned i = 0; i < matrix->groups; i++)
		failed |= print_ticks(&matrix->group[i], unit, out, width);
	return failed;
}

struct page_of_text {
	FILE *out;
	unsigned width;
};

static void put_sentence(const char *text, void *into)
{
	const struct page_of_text *page = into;

	fputc('\n', page->out);
	paragraph(page->out, page->width, "%s", text);
}

/* Where something is published of the experiment. */
static int print_published(const struct results *results, const struct project *project, FILE *out,
			   unsigned width, struct vmfee_error *err)
{
	char path[PATH_MAX];
	const char *experiment = results_property(results, "experiment");

	if (project_path(path, project->published, experiment, ".ini", err) != 0)
		return -1;
	if (access(path, R_OK) != 0)
		return 0;
	struct published *published = calloc(1, sizeof(*published));
	if (published == NULL)
		return vmfee_fail_errno(err, "published numbers");
	int failed = published_load(published, project->published, experiment, err);
	if (!failed) {
		fprintf(out,
			"\nWhat is said of it, and ours (`vmfee report --published %s` has the "
			"sources):\n\n",
			experiment);
		failed = report_published_table(results, published, project->models, out, width,
						err);
	}
	free(published);
	return failed;
}

int report_headline(const struct results *results, const struct matrix *matrix,
		    const struct project *project, FILE *out, unsigned width,
		    struct vmfee_error *err)
{
	struct page_of_text page = {.out = out, .width = width};
	char answer[1000];

	paragraph(out, width, "%s: %s (%s %s, %s)", results_property(results, "experiment"),
		  results_property(results, "title"), results_property(results, "platform"),
		  results_property(results, "platform_version"), results_property(results, "cpu"));
	fputc('\n', out);
	if (lead_answer(results, matrix, answer, sizeof(answer), err) != 0)
		return -1;
	paragraph(out, width, "%s", answer);
	lead_each(results, matrix, put_sentence, &page);
	if (print_published(results, project, out, width, err) != 0)
		return -1;
	if (report_matrix(matrix, results_property(results, "unit"), out, width) != 0)
		return vmfee_fail(err, VMFEE_SYSTEM, "out of memory for the report");
	return 0;
}
