/*
 * The part of the page about published numbers.
 */
#include "bench/html_part.h"
#include "bench/reproduction.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static void put_range(const struct page *page, double low, double high)
{
	int digits = high >= 100 || (floor(low) == low && floor(high) == high) ? 0 : 1;

	if (low == high)
		fprintf(page->out, "<td>%.*f</td>", digits, low);
	else
		fprintf(page->out, "<td>%.*f–%.*f</td>", digits, low, digits, high);
}

static void put_row(const struct page *page, const struct published_row *row,
		    const struct reproduction *ours)
{
	html_row(page, row->what);
	put_range(page, row->low, row->high);
	if (ours->by == NULL) {
		html_none(page);
		html_none(page);
		html_cell(page, ours->why);
	} else {
		put_range(page, ours->low, ours->high);
		put_range(page, reproduction_ratio_low(ours, row),
			  reproduction_ratio_high(ours, row));
		html_cell(page, ours->by);
	}
	html_cell(page, published_unit_name(row->unit));
	html_cell(page, row->source);
	html_cell(page, row->note);
}

static int put_rows(const struct page *page, const struct published *published)
{
	int failed = 0;

	html_table_begin(
		page,
		"Published numbers and ours, by operation.  Modelled numbers are counts of this "
		"run, priced by published costs of a processor, from the least to the most.",
		"<what|published|ours|ratio|<ours is|<in|<source|<note");
	for (unsigned i = 0; !failed && i < published->rows; i++) {
		struct reproduction ours;
		failed = reproduce(&ours, &published->row[i], page->results, page->project->models,
				   page->err);
		if (!failed)
			put_row(page, &published->row[i], &ours);
	}
	html_table_end(page);
	return failed;
}

int html_published(struct page *page)
{
	char path[PATH_MAX];
	const char *experiment = results_property(page->results, "experiment");

	if (project_path(path, page->project->published, experiment, ".ini", page->err) != 0)
		return -1;
	if (access(path, R_OK) != 0)
		return 0;
	struct published *published = calloc(1, sizeof(*published));
	if (published == NULL)
		return vmfee_fail_errno(page->err, "published numbers");
	int failed = published_load(published, page->project->published, experiment, page->err);
	if (!failed) {
		fputs("<section id=\"published\">\n<h2>What is published of it</h2>\n", page->out);
		failed = put_rows(page, published);
		fputs("</section>\n", page->out);
	}
	free(published);
	return failed;
}
