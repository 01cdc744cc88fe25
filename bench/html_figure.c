#include "bench/figure.h"
#include "bench/html_part.h"
#include "bench/project.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The figures of one stack; or of none, those drawn by a template. */
struct choice {
	struct page *page;
	const struct result_stack *stack;
	const char *template;
};

int html_file(const struct page *page, const char *folder, const char *name, bool escaped)
{
	char path[PATH_MAX];
	char text[4096];

	if (project_path(path, folder, name, "", page->err) != 0)
		return -1;
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return vmfee_fail_errno(page->err, "%s", path);
	while (fgets(text, sizeof(text), file) != NULL) {
		if (escaped)
			html_text(page->out, text);
		else
			fputs(text, page->out);
	}
	int failed = ferror(file) ? vmfee_fail_errno(page->err, "%s", path) : 0;
	fclose(file);
	return failed;
}

/* gnuplot gives all its figures the same ids; on one page each needs its own. */
static void put_svg_line(const struct page *page, const char *line)
{
	static const char *const marks[] = {"id='", "id=\"", "href='#", "href=\"#", "url(#"};

	while (*line != '\0') {
		size_t length = 0;
		for (size_t i = 0; length == 0 && i < sizeof(marks) / sizeof(marks[0]); i++)
			if (strncmp(line, marks[i], strlen(marks[i])) == 0)
				length = strlen(marks[i]);
		if (length > 0) {
			fprintf(page->out, "%.*sf%u-", (int)length, line, page->figures);
			line += length;
		} else {
			fputc(*line++, page->out);
		}
	}
}

/* What stands in front of the element is about the file; its title would lie over all of it. */
static int put_svg(const struct page *page, const char *path, const char *label)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	bool begun = false;

	if (file == NULL)
		return vmfee_fail_errno(page->err, "%s", path);
	while (getline(&line, &room, file) > 0) {
		if (!begun && strncmp(line, "<svg", strlen("<svg")) == 0) {
			begun = true;
			fputs("<svg role=\"img\" aria-label=\"", page->out);
			html_text(page->out, label);
			fputs("\"\n", page->out);
		} else if (begun && strncmp(line, "<title>", strlen("<title>")) != 0) {
			put_svg_line(page, line);
		}
	}
	free(line);
	int failed = ferror(file) ? vmfee_fail_errno(page->err, "%s", path) : 0;
	fclose(file);
	return failed;
}

/* How to get the figure of that name again. */
static void html_command(const struct page *page, const char *name)
{
	const char *experiment = results_property(page->results, "experiment");

	fputs("<span class=\"command\"><code>", page->out);
	html_format(page->out, "build/vmfee run --platform=%s %s && build/vmfee report --plots %s",
		    results_property(page->results, "platform"), experiment, experiment);
	fputs("</code> draws it as <code>", page->out);
	html_format(page->out, "results/%s/plots/%s.svg", experiment, name);
	fputs("</code>, the numbers beside it.</span>", page->out);
}

/* Whether a figure is drawn by that template; without one, whether it has no place of its own. */
static bool belongs(const struct figure *figure, const char *template)
{
	static const char *const placed[] = {"stacks", "generations", "assists", "growth"};

	if (template != NULL)
		return strcmp(figure->template, template) == 0;
	for (size_t i = 0; i < sizeof(placed) / sizeof(placed[0]); i++)
		if (strcmp(figure->template, placed[i]) == 0)
			return false;
	return true;
}

/* One without data was not drawn. */
static int put_figure(const struct figure *figure, void *into)
{
	const struct choice *choice = into;
	struct page *page = choice->page;
	const struct result_stack *stack = figure->analysis == NULL ? NULL : figure->stack;
	char folder[PATH_MAX];
	char path[PATH_MAX];

	if (stack != choice->stack || !belongs(figure, choice->template))
		return 0;
	if (project_path(folder, page->run, "plots", "", page->err) != 0 ||
	    project_path(path, folder, figure->name, ".svg", page->err) != 0)
		return -1;
	if (access(path, F_OK) != 0)
		return 0;
	page->figures++;
	fprintf(page->out, "<figure id=\"%s\">\n", figure->name);
	if (put_svg(page, path, figure->heading) != 0)
		return -1;
	fprintf(page->out, "<figcaption><b>Figure %u.</b> ", page->figures);
	html_format(page->out, "%s Unit: %s %s.", figure->caption, page->unit, figure->unit_of);
	html_command(page, figure->name);
	fputs("</figcaption>\n</figure>\n", page->out);
	return 0;
}

int html_figures(struct page *page, const struct result_stack *stack)
{
	struct choice choice = {.page = page, .stack = stack};

	return figures_each(page->results, put_figure, &choice, page->err);
}

int html_figures_by(struct page *page, const char *template)
{
	struct choice choice = {.page = page, .template = template};

	return figures_each(page->results, put_figure, &choice, page->err);
}
