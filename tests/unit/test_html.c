#include "bench/html_part.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/project.h"
#include "tests/unit/bench_rig.h"
#include "tests/unit/bench_run.h"

static char folder[PATH_MAX];
static struct results results;
static char *page;
/* Its styles, models and published numbers are in the folder, too. */
static struct project project;

/* As gnuplot writes it. */
static const char figure[] = "<?xml version=\"1.0\"?>\n<svg \n width=\"1200\"\n>\n"
			     "<title>vmfee</title>\n<g id=\"gnuplot_canvas\">\n"
			     "<path id='gpPt5'/><use xlink:href='#gpPt5' filter='url(#textbox)'/>\n"
			     "</g>\n</svg>\n";

static void set_up(void)
{
	char plots[PATH_MAX];
	char path[PATH_MAX];
	struct vmfee_error err = {0};

	rig_folder(folder);
	memcpy(project.plots, folder, sizeof(folder));
	memcpy(project.models, folder, sizeof(folder));
	memcpy(project.published, folder, sizeof(folder));
	bench_run(folder, &results);
	rig_file(folder, "manifest.json", "{\"title\": \"<b> & co\"}\n", path);
	rig_file(folder, "page.css", "body { margin: 0 }\n", path);
	cr_assert_eq(project_path(plots, folder, "plots", "", &err), 0);
	cr_assert_eq(mkdir(plots, 0777), 0);
	rig_file(plots, "l1vmm-ticks.svg", figure, path);
	rig_file(plots, "l1vmm-latency.svg", figure, path);
}

static void tear_down(void)
{
	results_free(&results);
	rundir_remove_tree(folder);
	free(page);
}

TestSuite(html, .init = set_up, .fini = tear_down);

static void write_page(void)
{
	char path[PATH_MAX];
	struct vmfee_error err = {0};

	cr_assert_eq(html_save(&results, &project, folder, &err), 0, "%s", err.text);
	cr_assert_eq(project_path(path, folder, "report", ".html", &err), 0);
	page = rig_read(path);
}

static void expect(const char *part)
{
	cr_expect_not_null(strstr(page, part), "no %s in:\n%s", part, page);
}

Test(html, tables_have_the_numbers_of_the_report)
{
	write_page();
	expect("<tr><th scope=\"row\">l1vmm</th><td class=\"text\">l1vmm / micro</td><td>4</td>"
	       "<td>204.0</td><td>85.3 %</td><td>14.7 %</td>");
	expect("<tr><th scope=\"row\">cpuid</th><td>2.0</td><td>104.0</td><td>102.0</td>"
	       "<td>72.0</td><td>30.0</td>");
	expect("<tr><th scope=\"row\">VMCALL</th><td class=\"text\">emulation</td><td>2</td>"
	       "<td>14.3 %</td><td>14.2 %</td><td>80</td><td>80</td><td>80</td><td>80</td>");
	expect("<th scope=\"col\" class=\"text\">reason</th>");
	expect("14 exits, 1130 instructions; 3 exits lost.");
}

Test(html, it_begins_with_where_the_fee_goes)
{
	write_page();
	expect("</h1>\n<p class=\"lead\">The fee is what work takes more under a hypervisor than on "
	       "the bare machine, here in instructions");
	expect(" On l1vmm one operation of each of 4 benchmarks takes 204 more: 85 % transition (");
}

Test(html, published_numbers_are_beside_ours)
{
	char path[PATH_MAX];

	rig_file(folder, "fee.ini",
		 "[published]\n[row one]\nwhat = A <CPUID>\nvalue = 2\nunit = exits\nsource = S\n"
		 "stack = l1vmm\nbenchmark = cpuid\nnote = N\n"
		 "[row two]\nwhat = B\nlow = 20\nhigh = 30\nunit = exits\nsource = S\n"
		 "stack = none\nbenchmark = cpuid\n",
		 path);
	write_page();
	expect("<li><a href=\"#published\">");
	expect("<tr><th scope=\"row\">A &lt;CPUID&gt;</th><td>2</td><td>1</td><td>0.5</td>"
	       "<td class=\"text\">counted</td><td class=\"text\">exits</td><td class=\"text\">S</td>"
	       "<td class=\"text\">N</td>");
	expect("<tr><th scope=\"row\">B</th><td>20–30</td><td>–</td><td>–</td>");
}

Test(html, without_published_numbers_there_is_no_such_section)
{
	write_page();
	cr_expect_null(strstr(page, "#published"));
	cr_expect_null(strstr(page, "id=\"published\""));
}

Test(html, figures_are_inline_and_share_no_id)
{
	write_page();
	expect("<figure id=\"l1vmm-ticks\">\n<svg role=\"img\" aria-label=\"l1vmm: ticks per "
	       "operation (bochs 3.0, model)\"\n width=\"1200\"\n>\n<g id=\"f1-gnuplot_canvas\">");
	expect("<path id='f2-gpPt5'/><use xlink:href='#f2-gpPt5' filter='url(#f2-textbox)'/>");
	expect("<b>Figure 2.</b> For each reason");
	expect("Unit: instructions from the exit stamp to the entry stamp.");
	expect("<code>build/vmfee run --platform=bochs fee &amp;&amp; build/vmfee report --plots "
	       "fee</code>");
	cr_expect_null(strstr(page, "<title>vmfee</title>"));
	cr_expect_null(strstr(page, "l1vmm-spread"), "a figure that was not drawn");
}

Test(html, frames_are_as_wide_as_their_ticks)
{
	write_page();
	/* Of 1130 ticks in all: CPUID 790, VMCALL 160, then I/O 180. */
	expect("<title>CPUID: 790 instructions, 69.9 %</title><rect x=\"0.00\" y=\"52\" "
	       "width=\"838.94\"");
	expect("<title>VMCALL: 160 instructions, 14.2 %</title><rect x=\"838.94\"");
	expect("<title>emulation: 1130 instructions, 100.0 %</title><rect x=\"0.00\" y=\"26\" "
	       "width=\"1200.00\"");
}

Test(html, text_is_never_markup)
{
	for (unsigned i = 0; i < results.properties; i++)
		if (strcmp(results.property[i].key, "title") == 0)
			strcpy(results.property[i].value, "<script>\"&\"</script>");
	write_page();
	expect("<h1>&lt;script&gt;&quot;&amp;&quot;&lt;/script&gt;</h1>");
	expect("{&quot;title&quot;: &quot;&lt;b&gt; &amp; co&quot;}");
	cr_expect_null(strstr(page, "<script"));
}

Test(html, what_is_missing_is_named)
{
	struct vmfee_error err = {0};

	cr_expect_eq(html_save(&results, &project, "/nowhere", &err), -1);
	strcpy(project.plots, "/nowhere");
	err = (struct vmfee_error){0};
	cr_expect_eq(html_save(&results, &project, folder, &err), -1);
	cr_expect_str_eq(err.text, "/nowhere/page.css: No such file or directory");
}

/* A run may come from elsewhere: no text of its database becomes part of the page's own. */
Test(html, no_property_is_markup)
{
	for (unsigned i = 0; i < results.properties; i++)
		if (strcmp(results.property[i].key, "experiment") != 0)
			snprintf(results.property[i].value, sizeof(results.property[i].value),
				 "\"<i>");
	write_page();
	expect("1130 &quot;&lt;i&gt;, 100.0 %</title>");
	cr_expect_null(strstr(page, "<i>"), "%s", strstr(page, "<i>"));
}
