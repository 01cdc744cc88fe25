#include "bench/modelled.h"
#include "bench/report_model.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/bench_rig.h"
#include "tests/unit/bench_run.h"

#define WHOLE                                                     \
	"[model]\ntitle = A processor\n"                          \
	"[cost transition]\nlow = 100\nhigh = 200\nsource = Me\n" \
	"[cost vmread]\nlow = 10\nhigh = 20\nsource = Me again\n" \
	"[cost instruction]\nlow = 0.5\nhigh = 2\nsource = You\n"

static char folder[PATH_MAX];
static char path[PATH_MAX];
static struct model model;
static struct vmfee_error err;

static void set_up(void)
{
	rig_folder(folder);
}

static void tear_down(void)
{
	rundir_remove_tree(folder);
}

TestSuite(model, .init = set_up, .fini = tear_down);

static void load(const char *text)
{
	rig_file(folder, "mine.ini", text, path);
	cr_assert_eq(model_load(&model, folder, "mine", &err), 0, "%s", err.text);
}

static void expect_near(double got, double wanted)
{
	cr_expect(fabs(got - wanted) < 1e-9, "got %.12g, wanted %.12g", got, wanted);
}

Test(model, prices_have_a_range_and_a_source)
{
	load(WHOLE "[tlb]\nsets = 4\nnonsense = 5\n");
	cr_expect_str_eq(model.name, "mine");
	cr_expect_str_eq(model.title, "A processor");
	expect_near(model.cost[COST_TRANSITION].low, 100);
	expect_near(model.cost[COST_INSTRUCTION].high, 2);
	cr_expect_str_eq(model.cost[COST_VMREAD].source, "Me again");
	cr_expect_not(model_prices(&model, COST_VMWRITE));
	cr_expect_not(model_prices(&model, COST_REFERENCE));
}

Test(model, what_is_wrong_is_said_with_its_line)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{"", "bench/models/mine.ini: there is no cost model in it: no [model]"},
		{"[tlb]\nsets = 4\n", "there is no cost model in it"},
		{"[model]\nname = x\n", "mine.ini:2: unknown key 'name' in [model]"},
		{"[model]\ntitle = x\n", "mine.ini: there is no [cost transition]"},
		{WHOLE "[cost coffee]\nlow = 1\n", "mine.ini:16: there is nothing to price called"},
		{WHOLE "[cost vmwrite]\nmiddle = 1\n", "unknown key 'middle' in [cost vmwrite]"},
		{WHOLE "[cost vmwrite]\nlow = 1\nhigh = 2\n", "[cost vmwrite] needs low,"},
		{WHOLE "[cost vmwrite]\nlow = 2\nhigh = 1\nsource = x\n", "[cost vmwrite] needs"},
		{WHOLE "[cost vmwrite]\nsource = x\n", "[cost vmwrite] needs low, a high"},
		{WHOLE "[cost vmwrite]\nlow = 0\n", "low = '0' is not possible"},
		{WHOLE "[cost vmwrite]\nlow = -1\n", "low = '-1' is not possible"},
		{WHOLE "[cost vmwrite]\nlow = 5x\n", "low = '5x' is not possible"},
		{WHOLE "[cost vmwrite]\nlow = 1e9\n", "low = '1e9' is not possible"},
		{WHOLE "[cost vmread]\nlow = 1\n", "key 'low' is given twice"},
		{WHOLE "[model]\ntitle = Another\n", "key 'title' is given twice"},
		{"nonsense\n", "mine.ini:1: neither a [section] nor 'key = value'"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err = (struct vmfee_error){0};
		rig_file(folder, "mine.ini", rows[i].text, path);
		cr_expect_eq(model_load(&model, folder, "mine", &err), -1, "%s", rows[i].text);
		cr_expect_eq(err.status, VMFEE_USAGE);
		cr_expect_not_null(strstr(err.text, rows[i].error), "%s", err.text);
	}
}

Test(model, one_that_there_is_not)
{
	static const char *const names[] = {"other", "../mine", ""};

	rig_file(folder, "mine.ini", WHOLE, path);
	for (size_t i = 0; i < 3; i++) {
		err = (struct vmfee_error){0};
		cr_expect_eq(model_load(&model, folder, names[i], &err), -1);
		cr_expect_not_null(strstr(err.text, "in bench/models; there are: mine"), "%s",
				   err.text);
	}
}

/* The run of bench_run.h: a CPUID takes 104 ticks, one exit, 3 VMREADs and 1 VMWRITE; natively 2.
 */
Test(model, a_row_by_hand)
{
	struct results results;
	struct analysis analysis;
	struct modelled modelled;

	load(WHOLE);
	bench_run(folder, &results);
	cr_assert_eq(modelled_check(&results, &results.stack[1], &err), 0);
	cr_assert_eq(analyse(&analysis, &results, &results.stack[1], &err), 0);
	cr_assert_str_eq(analysis.row[1].name, "cpuid");
	modelled_row(&modelled, &model, &analysis, &analysis.row[1]);
	expect_near(modelled.count[COST_TRANSITION], 1);
	expect_near(modelled.count[COST_VMREAD], 3);
	expect_near(modelled.count[COST_VMWRITE], 0);
	/* The entry and the VMREADs are priced; the VMWRITE has no price of its own. */
	expect_near(modelled.count[COST_INSTRUCTION], 104 - 1 - 3);
	expect_near(modelled.total_low, 100 + 30 + 50);
	expect_near(modelled.total_high, 200 + 60 + 200);
	cr_expect(modelled.has_fee);
	expect_near(modelled.fee_low, 180 - 1);
	expect_near(modelled.fee_high, 460 - 4);

	cr_assert_str_eq(analysis.row[2].name, "vmcall");
	modelled_row(&modelled, &model, &analysis, &analysis.row[2]);
	cr_expect_not(modelled.has_fee);

	load(WHOLE "[cost vmwrite]\nlow = 5\nhigh = 7\nsource = x\n"
		   "[cost reference]\nlow = 4\nhigh = 56\nsource = x\n");
	results.stack[1].bench[1].observed.references = 16;
	analysis_free(&analysis);
	cr_assert_eq(analyse(&analysis, &results, &results.stack[1], &err), 0);
	modelled_row(&modelled, &model, &analysis, &analysis.row[1]);
	expect_near(modelled.count[COST_INSTRUCTION], 104 - 1 - 3 - 1);
	expect_near(modelled.total_low, 100 + 30 + 5 + 2 * 4 + 49.5);
	expect_near(modelled.high[COST_REFERENCE], 2 * 56);
	analysis_free(&analysis);
	results_free(&results);
}

static void expect_unmodelled(struct results *results, const char *why)
{
	FILE *out = fopen("/dev/null", "we");

	err = (struct vmfee_error){0};
	cr_expect_eq(report_model(results, &model, out, 100, &err), -1);
	cr_expect_eq(err.status, VMFEE_USAGE);
	cr_expect_not_null(strstr(err.text, why), "%s", err.text);
	fclose(out);
}

Test(model, what_cannot_be_priced_says_why)
{
	struct results results;

	load(WHOLE);
	bench_run(folder, &results);
	results.stack[1].base = 1;
	expect_unmodelled(&results, "nobody counts the VMREADs of the KVM beneath");
	results.stack[1].base = 0;
	results.stack[1].traced = false;
	expect_unmodelled(&results, "there is no trace of its exits");
	results.stack[1].traced = true;
	for (unsigned i = 0; i < results.properties; i++)
		if (strcmp(results.property[i].key, "platform") == 0)
			snprintf(results.property[i].value, sizeof(results.property[i].value),
				 "kvm");
	expect_unmodelled(&results, "ticks are no counts of instructions");
	results_free(&results);
}

Test(model, the_report_names_its_sources_and_what_has_none)
{
	struct results results;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	load(WHOLE);
	bench_run(folder, &results);
	cr_assert_eq(report_model(&results, &model, out, 100, &err), 0, "%s", err.text);
	cr_assert_eq(report_model_csv(&results, &model, out, &err), 0);
	fclose(out);
	cr_expect_not_null(strstr(text, "Modelled, not measured: counts of bochs, priced as on A "
					"processor.\n"));
	cr_expect_not_null(strstr(text, "  cpuid          100-200  30-60    0.0        50-200   "
					"180-460  1.0-4.0       179-456\n"),
			   "%s", text);
	cr_expect_not_null(strstr(text, "  a VMREAD: 10 to 20\n    Me again\n"));
	cr_expect_not_null(strstr(text, "a VMWRITE: no source; priced as any other instruction"));
	cr_expect_not_null(strstr(text, "walk: not priced, no source; counted as nothing"));
	cr_expect_not_null(
		strstr(text, "cpuid,l1vmm,mine,1,100,200,3,30,60,0,0,0,0,0,0,100,50,200,180,460,"
			     "179,456\n"),
		"%s", text);
	free(text);
	results_free(&results);
}
