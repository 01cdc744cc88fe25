#include "bench/html.h"
#include "bench/html_part.h"
#include "bench/project.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *property(const struct page *page, const char *key)
{
	return results_property(page->results, key);
}

static int put_head(const struct page *page)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n<title>",
	      page->out);
	html_format(page->out, "%s: %s", property(page, "experiment"), property(page, "title"));
	fputs("</title>\n<style>\n", page->out);
	if (html_file(page, page->project->plots, "page.css", false) != 0)
		return -1;
	fputs("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the results</a>\n"
	      "<header>\n<h1>",
	      page->out);
	html_text(page->out, property(page, "title"));
	fputs("</h1>\n", page->out);
	if (html_lead(page) != 0)
		return -1;
	fputs("<p>", page->out);
	html_format(page->out, "Experiment %s on %s %s, %s. One tick is one %s%s.",
		    property(page, "experiment"), property(page, "platform"),
		    property(page, "platform_version"), property(page, "cpu"),
		    property(page, "tick"), property(page, "tick_caution"));
	if (property(page, "left_out")[0] != '\0')
		html_format(page->out, " Not run: %s.", property(page, "left_out"));
	fputs("</p>\n<p>Everything here comes from one run: <code>", page->out);
	html_format(page->out, "build/vmfee run --platform=%s %s", property(page, "platform"),
		    property(page, "experiment"));
	fputs("</code> repeats it, <code>", page->out);
	html_format(page->out, "build/vmfee report --html %s", property(page, "experiment"));
	fputs("</code> writes this page again.</p>\n</header>\n", page->out);
	return 0;
}

static bool has_section(const struct page *page, const struct result_stack *stack)
{
	return analysis_in_tables(page->results, stack) && matrix_shows(page->matrix, stack);
}

static bool has_published(const struct page *page)
{
	char path[PATH_MAX];

	return project_path(path, page->project->published,
			    results_property(page->results, "experiment"), ".ini",
			    &(struct vmfee_error){0}) == 0 &&
	       access(path, R_OK) == 0;
}

static void put_contents(const struct page *page)
{
	fputs("<nav aria-label=\"Contents\"><ul>\n<li><a href=\"#fee\">The fee</a></li>\n",
	      page->out);
	if (page->matrix->groups > 0)
		fputs("<li><a href=\"#assists\">What generations pay back</a></li>\n"
		      "<li><a href=\"#depth\">Depth</a></li>\n",
		      page->out);
	if (has_published(page))
		fputs("<li><a href=\"#published\">Published numbers</a></li>\n", page->out);
	for (size_t i = 0; i < page->results->stacks; i++) {
		const char *name = page->results->stack[i].name;
		if (has_section(page, &page->results->stack[i]))
			fprintf(page->out, "<li><a href=\"#stack-%s\">%s</a></li>\n", name, name);
	}
	fputs("<li><a href=\"#manifest\">Manifest</a></li>\n</ul></nav>\n", page->out);
}

static void put_components(const struct page *page)
{
	fputs("<h3>The components</h3>\n<dl>\n", page->out);
	for (int i = 0; i < FEE_COMPONENTS; i++) {
		fprintf(page->out, "<dt>%s</dt><dd>", fee_component_name(i));
		html_text(page->out, fee_component_text(i));
		fputs("</dd>\n", page->out);
	}
	fputs("</dl>\n", page->out);
}

static int put_fee(struct page *page)
{
	int failed;

	fputs("<section id=\"fee\">\n<h2>Where the fee goes</h2>\n", page->out);
	if (page->matrix->groups > 0)
		failed = html_matrix(page);
	else
		failed = html_summary(page) != 0 || html_figures_by(page, "stacks") != 0;
	if (!failed)
		failed = html_figures(page, NULL);
	if (!failed)
		put_components(page);
	fputs("</section>\n", page->out);
	return failed || html_published(page) != 0 ? -1 : 0;
}

static int put_stack(struct page *page, const struct result_stack *stack)
{
	struct analysis analysis;
	int failed = analyse(&analysis, page->results, stack, page->err);

	if (!failed) {
		fprintf(page->out,
			"<section id=\"stack-%s\">\n<h2>%s</h2>\n<p>Its levels, bottom "
			"to top: <code>",
			stack->name, stack->name);
		html_text(page->out, stack->notation);
		fputs("</code></p>\n", page->out);
		failed = html_figures(page, stack);
		html_costs(page, &analysis);
		html_flame(page, stack);
		html_latencies(page, stack);
		fputs("</section>\n", page->out);
	}
	analysis_free(&analysis);
	return failed;
}

static int put_page(struct page *page)
{
	const struct results *results = page->results;
	int failed = put_head(page);

	if (failed)
		return -1;
	put_contents(page);
	fputs("<main id=\"main\">\n", page->out);
	failed = put_fee(page);
	for (size_t i = 0; !failed && i < results->stacks; i++)
		if (has_section(page, &results->stack[i]))
			failed = put_stack(page, &results->stack[i]);
	fputs("<section id=\"manifest\">\n<h2>Manifest</h2>\n<p>What was run, on what, with which "
	      "capabilities and switches: <code>manifest.json</code>.</p>\n"
	      "<pre tabindex=\"0\" role=\"region\" aria-label=\"Manifest\">",
	      page->out);
	if (!failed)
		failed = html_file(page, page->run, "manifest.json", true);
	fputs("</pre>\n</section>\n</main>\n</body>\n</html>\n", page->out);
	return failed;
}

static int save_page(struct page *page, const char *path)
{
	page->out = fopen(path, "we");
	if (page->out == NULL)
		return vmfee_fail_errno(page->err, "%s", path);
	int failed = put_page(page);
	if (!failed && (ferror(page->out) || fflush(page->out) != 0))
		failed = vmfee_fail_errno(page->err, "%s", path);
	fclose(page->out);
	return failed;
}

int html_save(const struct results *results, const struct project *project, const char *run,
	      struct vmfee_error *err)
{
	struct page page = {.results = results,
			    .project = project,
			    .run = run,
			    .unit = results_property(results, "unit"),
			    .err = err};
	char path[PATH_MAX];

	if (project_path(path, run, "report", ".html", err) != 0)
		return -1;
	struct matrix *matrix = matrix_make(results, err);
	if (matrix == NULL)
		return -1;
	page.matrix = matrix;
	int failed = save_page(&page, path);
	free(matrix);
	return failed;
}
