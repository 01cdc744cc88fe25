#include "bench/report_published.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/bench_rig.h"
#include "tests/unit/bench_run.h"

#define MODEL                                                     \
	"[model]\ntitle = A processor\n"                          \
	"[cost transition]\nlow = 100\nhigh = 200\nsource = Me\n" \
	"[cost vmread]\nlow = 10\nhigh = 20\nsource = Me again\n" \
	"[cost instruction]\nlow = 0.5\nhigh = 2\nsource = You\n"

#define ROW "[row one]\nwhat = CPUID\nsource = They\nstack = l1vmm\nbenchmark = cpuid\n"

static char folder[PATH_MAX];
static char path[PATH_MAX];
static struct published published;
static struct results results;
static struct reproduction ours;
static struct vmfee_error err;

static void set_up(void)
{
	rig_folder(folder);
	rig_file(folder, "mine.ini", MODEL, path);
	bench_run(folder, &results);
}

static void tear_down(void)
{
	results_free(&results);
	rundir_remove_tree(folder);
}

TestSuite(published, .init = set_up, .fini = tear_down);

static void load(const char *text)
{
	rig_file(folder, "fee.ini", text, path);
	cr_assert_eq(published_load(&published, folder, "fee", &err), 0, "%s", err.text);
}

static void expect_ours(const char *text, const char *by, double low, double high)
{
	load(text);
	cr_assert_eq(reproduce(&ours, &published.row[0], &results, folder, &err), 0, "%s",
		     err.text);
	cr_assert_not_null(ours.by, "%s", ours.why);
	cr_expect_str_eq(ours.by, by);
	cr_expect(fabs(ours.low - low) < 1e-9, "got %.12g, wanted %.12g", ours.low, low);
	cr_expect(fabs(ours.high - high) < 1e-9, "got %.12g, wanted %.12g", ours.high, high);
}

static void expect_nothing(const char *text, const char *why)
{
	load(text);
	cr_assert_eq(reproduce(&ours, &published.row[0], &results, folder, &err), 0, "%s",
		     err.text);
	cr_expect_null(ours.by);
	cr_expect_str_eq(ours.why, why);
}

/* The CPUID of bench_run.h: one exit, 3 VMREADs, 100 instructions more; natively 2. */
Test(published, cycles_are_modelled)
{
	expect_ours("[published]\nmodel = mine\n" ROW "value = 300\nunit = cycles\n", "modelled",
		    180, 460);
	cr_expect(fabs(reproduction_ratio_low(&ours, &published.row[0]) - 0.6) < 1e-9);
	expect_ours(ROW "model = mine\nlow = 200\nhigh = 300\nunit = us\nclock = 2\n", "modelled",
		    0.09, 0.23);
	cr_expect(fabs(reproduction_ratio_high(&ours, &published.row[0]) - 0.23 / 200) < 1e-9);
}

Test(published, exits_are_counted)
{
	expect_ours(ROW "value = 2\nunit = exits\n", "counted", 1, 1);
	expect_ours(ROW "value = 2\nunit = exits\nreason = CPUID\n", "counted", 1, 1);
	expect_ours(ROW "value = 2\nunit = exits\nreason = VMREAD\n", "counted", 0, 0);
}

/*
 * Least where instructions are dear: (100 + 30) / (2 * 2) + 100 / 2 - 1 times as much as natively;
 * most where they are cheap: (200 + 60) / (2 * 0.5) + 49.
 */
Test(published, a_share_has_instructions_on_either_side)
{
	expect_ours(ROW "model = mine\nvalue = 25\nunit = percent\n", "modelled", 8150, 30900);
}

Test(published, cycles_of_a_processor_are_measured)
{
	for (unsigned i = 0; i < results.properties; i++)
		if (strcmp(results.property[i].key, "unit") == 0)
			snprintf(results.property[i].value, sizeof(results.property[i].value),
				 "cycles");
	expect_ours(ROW "model = mine\nvalue = 50\nunit = cycles\n", "measured", 104, 104);
	expect_ours(ROW "model = mine\nvalue = 50\nunit = percent\n", "measured", 5100, 5100);
}

Test(published, what_there_is_not_is_said)
{
	expect_nothing("[row one]\nwhat = x\nsource = x\nstack = none\nbenchmark = cpuid\n"
		       "value = 2\nunit = exits\n",
		       "the run has no such stack and benchmark");
	expect_nothing("[row one]\nwhat = x\nsource = x\nstack = l1vmm\nbenchmark = none\n"
		       "value = 2\nunit = exits\n",
		       "the run has no such stack and benchmark");
	expect_nothing("[row one]\nwhat = x\nsource = x\nstack = quiet\nbenchmark = cpuid\n"
		       "value = 2\nunit = exits\n",
		       "its exits are not in a trace");
	expect_nothing("[row one]\nwhat = x\nsource = x\nstack = quiet\nbenchmark = cpuid\n"
		       "value = 2\nunit = cycles\nmodel = mine\n",
		       "there is no trace of its exits");
	expect_nothing("[row one]\nwhat = x\nsource = x\nstack = l1vmm\nbenchmark = vmcall\n"
		       "value = 2\nunit = percent\nmodel = mine\n",
		       "it is not known natively");
}

Test(published, a_model_that_there_is_not_is_an_error)
{
	load(ROW "value = 2\nunit = cycles\nmodel = other\n");
	cr_expect_eq(reproduce(&ours, &published.row[0], &results, folder, &err), -1);
	cr_expect_not_null(strstr(err.text, "no model 'other'"), "%s", err.text);
}

Test(published, what_is_wrong_is_said_with_its_line)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{"[published]\ncolour = red\n", "fee.ini:2: unknown key 'colour' in [published]"},
		{"[stack x]\nlevels = y\n", "unknown key 'levels' in [stack x]"},
		{ROW "colour = red\n", "fee.ini:6: unknown key 'colour' in [row one]"},
		{ROW "value = none\n", "value = 'none' is no number above 0"},
		{ROW "value = -1\n", "is no number above 0"},
		{ROW "unit = miles\n", "none of cycles, us, exits, percent"},
		{"[row A b]\nwhat = x\n", "[row A b]: that is no name"},
		{ROW "value = 2\n", "[row one] has no unit"},
		{ROW "unit = exits\n", "[row one] has no value"},
		{"[row one]\nwhat = x\n", "[row one] has no source"},
		{ROW "value = 2\nunit = us\nmodel = mine\n", "[row one] has no clock"},
		{ROW "value = 2\nunit = cycles\n", "[row one] has no model"},
		{ROW "low = 3\nhigh = 2\nunit = exits\n", "[row one] is a range upside down"},
		{ROW "low = 3\nunit = exits\n", "[row one] is a range upside down"},
		{ROW "value = 2\nunit = exits\nreason = TEA\n", "there is no exit reason 'TEA'"},
		{"nonsense\n", "fee.ini:1: neither a [section] nor 'key = value'"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err = (struct vmfee_error){0};
		rig_file(folder, "fee.ini", rows[i].text, path);
		cr_expect_eq(published_load(&published, folder, "fee", &err), -1, "%s",
			     rows[i].text);
		cr_expect_eq(err.status, VMFEE_USAGE);
		cr_expect_not_null(strstr(err.text, rows[i].error), "%s", err.text);
	}
	err = (struct vmfee_error){0};
	cr_expect_eq(published_load(&published, folder, "other", &err), -1);
	cr_expect_not_null(strstr(err.text, "has nothing on 'other'; there are: fee, mine"), "%s",
			   err.text);
}

Test(published, the_report_has_ratios_sources_and_notes)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	load(ROW
	     "model = mine\nlow = 200\nhigh = 300\nunit = cycles\nnote = Otherwise\n the same.\n"
	     "[row two]\nwhat = exits of it\nsource = They, too\nstack = none\nbenchmark = "
	     "cpuid\nvalue = 2.5\nunit = exits\n");
	cr_assert_eq(report_published(&results, &published, folder, out, 100, &err), 0);
	cr_assert_eq(report_published_csv(&results, &published, folder, out, &err), 0);
	fclose(out);
	cr_expect_str_eq(
		text,
		"fee: What it costs\nPublished numbers and ours, by operation, on bochs.\n\n"
		"     what         published     ours      ratio  in\n"
		"  ------------------------------------------------------------------------\n"
		"  1  CPUID          200-300  180-460  0.60-2.30  cycles, modelled\n"
		"  2  exits of it       2.50        -          -  exits, nothing to compare\n"
		"\nSources, and where the set-ups differ:\n\n"
		"  1. They. Ours: cpuid of l1vmm, by the model mine. Otherwise the same.\n"
		"  2. They, too. Ours: cpuid of none: the run has no such stack and benchmark.\n"
		"row,unit,published_low,published_high,ours_low,ours_high,by,ratio_low,ratio_high,"
		"stack,benchmark\n"
		"one,cycles,200,300,180,460,modelled,0.6,2.3,l1vmm,cpuid\n"
		"two,exits,2.5,2.5,,,,,,none,cpuid\n");
	free(text);
}
