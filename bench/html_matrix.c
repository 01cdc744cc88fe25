/*
 * The part of the page about generations and depths.
 */
#include "bench/generation.h"
#include "bench/html_part.h"
#include "bench/lead.h"

#include <math.h>
#include <string.h>

int html_lead(const struct page *page)
{
	char text[2048];

	if (lead_answer(page->results, page->matrix, text, sizeof(text), page->err) != 0)
		return -1;
	fputs("<p class=\"lead\">", page->out);
	html_text(page->out, text);
	fputs("</p>\n", page->out);
	return 0;
}

static void put_item(const char *text, void *into)
{
	const struct page *page = into;

	fputs("<li>", page->out);
	html_text(page->out, text);
	fputs("</li>\n", page->out);
}

static void put_part(const struct page *page, double part)
{
	if (fabs(part) < 0.5)
		html_none(page);
	else
		fprintf(page->out, "<td>%.0f</td>", part);
}

static void put_cell(const struct page *page, const struct matrix_group *group,
		     const struct matrix_cell *cell)
{
	html_row(page, group->name);
	html_count(page, cell->depth);
	html_cell(page, cell->generation);
	fprintf(page->out, "<td>%.0f</td>", fabs(cell->fee) < 0.5 ? 0 : cell->fee);
	for (int i = 0; i < FEE_COMPONENTS; i++)
		put_part(page, cell->part[i]);
	put_part(page, cell->upper);
}

static void put_fees(const struct page *page)
{
	char caption[256];
	char columns[256] = "<workload|hypervisors|<generation|fee";

	snprintf(caption, sizeof(caption),
		 "The fee by generation and depth, in %s for one operation of each benchmark.",
		 page->unit);
	for (int i = 0; i < FEE_COMPONENTS; i++) {
		size_t used = strlen(columns);
		snprintf(columns + used, sizeof(columns) - used, "|%s", fee_component_name(i));
	}
	strncat(columns, "|" MATRIX_UPPER, sizeof(columns) - strlen(columns) - 1);
	html_table_begin(page, caption, columns);
	for (unsigned i = 0; i < page->matrix->groups; i++)
		for (unsigned j = 0; j < page->matrix->group[i].cells; j++)
			put_cell(page, &page->matrix->group[i], &page->matrix->group[i].cell[j]);
	html_table_end(page);
}

static void put_ticks(const struct page *page, const struct matrix_group *group)
{
	char caption[256];
	char columns[512] = "<hypervisors|<generation";

	snprintf(caption, sizeof(caption), "What an operation of %s takes, in %s.", group->name,
		 page->unit);
	for (unsigned i = 0; i < group->benches; i++) {
		size_t used = strlen(columns);
		snprintf(columns + used, sizeof(columns) - used, "|%s", group->bench[i]);
	}
	html_table_begin(page, caption, columns);
	html_row(page, "none");
	html_cell(page, "natively");
	for (unsigned i = 0; i < group->benches; i++)
		html_number(page, analysis_ticks(group->native,
						 results_bench(group->native, group->bench[i])));
	for (unsigned i = 0; i < group->cells; i++) {
		char depth[16];
		snprintf(depth, sizeof(depth), "%u", group->cell[i].depth);
		html_row(page, depth);
		html_cell(page, group->cell[i].generation);
		for (unsigned j = 0; j < group->benches; j++)
			html_number(page, group->cell[i].ticks[j]);
	}
	html_table_end(page);
}

static void put_workloads(const struct page *page)
{
	fputs("<h3>The workloads</h3>\n<dl>\n", page->out);
	for (unsigned i = 0; i < page->matrix->groups; i++) {
		const struct matrix_group *group = &page->matrix->group[i];
		fprintf(page->out, "<dt>%s</dt><dd>", group->name);
		html_text(page->out, group->about);
		fputs(group->about[0] == '\0' ? "Benchmarks:" : ". Benchmarks:", page->out);
		for (unsigned j = 0; j < group->benches; j++)
			fprintf(page->out, "%s %s", j == 0 ? "" : ",", group->bench[j]);
		fputs(".</dd>\n", page->out);
	}
	fputs("</dl>\n", page->out);
}

static void put_generations(const struct page *page)
{
	const char *name;

	fputs("<h3>The generations</h3>\n<dl>\n", page->out);
	for (unsigned i = 0; (name = generation_name(i)) != NULL; i++) {
		fprintf(page->out, "<dt>%s</dt><dd>", name);
		html_format(page->out, "%s%s: ", i == 0 ? "" : "And ", generation_text(name));
		fputs("<code>", page->out);
		html_text(page->out, generation_switches(name));
		fputs("</code></dd>\n", page->out);
	}
	fputs("</dl>\n", page->out);
}

int html_matrix(struct page *page)
{
	fputs("<ul>\n", page->out);
	lead_each(page->results, page->matrix, put_item, page);
	fputs("</ul>\n", page->out);
	if (html_figures_by(page, "generations") != 0)
		return -1;
	put_workloads(page);
	put_fees(page);
	fputs("<p>Exits, and what they are charged to, are those of the lowest hypervisor; the "
	      "generation is that of its processor. Hypervisors above have what it offers "
	      "them. What has no row was not run.</p>\n</section>\n<section id=\"assists\">\n<h2>What each generation pays "
	      "back</h2>\n",
	      page->out);
	if (html_figures_by(page, "assists") != 0)
		return -1;
	put_generations(page);
	fputs("</section>\n<section id=\"depth\">\n<h2>How it grows with depth</h2>\n", page->out);
	if (html_figures_by(page, "growth") != 0)
		return -1;
	for (unsigned i = 0; i < page->matrix->groups; i++)
		put_ticks(page, &page->matrix->group[i]);
	return 0;
}
