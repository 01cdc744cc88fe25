#include "bench/analysis.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "tests/unit/bench_rig.h"
#include "tests/unit/bench_run.h"

static char folder[PATH_MAX];
static struct results results;
static struct analysis analysis;

static void set_up(void)
{
	struct vmfee_error err = {0};

	rig_folder(folder);
	bench_run(folder, &results);
	cr_assert_eq(analyse(&analysis, &results, &results.stack[1], &err), 0, "%s", err.text);
}

static void tear_down(void)
{
	analysis_free(&analysis);
	results_free(&results);
	rundir_remove_tree(folder);
}

TestSuite(analysis, .init = set_up, .fini = tear_down);

static void expect_near(double got, double wanted)
{
	cr_expect(fabs(got - wanted) < 1e-9, "got %.12g, wanted %.12g", got, wanted);
}

static const struct analysis_row *row(const char *name)
{
	size_t i = 0;

	while (i < analysis.rows && strcmp(analysis.row[i].name, name) != 0)
		i++;
	cr_assert_lt(i, analysis.rows, "no row %s", name);
	return &analysis.row[i];
}

Test(analysis, rows_come_in_the_order_of_measurement)
{
	static const char *const names[] = {"empty", "cpuid", "vmcall", "io", "walk"};

	cr_assert_eq(analysis.rows, 5);
	for (size_t i = 0; i < 5; i++)
		cr_expect_str_eq(analysis.row[i].name, names[i]);
	cr_expect_eq(analysis.native, &results.stack[0]);
}

Test(analysis, ticks_are_medians_less_the_smallest_empty_sample)
{
	/* (220 - 12) / 2 against (14 - 10) / 2 */
	expect_near(row("cpuid")->ticks, 104);
	expect_near(row("cpuid")->native_ticks, 2);
	expect_near(row("cpuid")->fee, 102);
	expect_near(row("walk")->ticks, 4);
	expect_near(row("walk")->fee, 0);
	expect_near(row("empty")->native_ticks, 0);
	expect_near(row("cpuid")->interval.low, 104);
	expect_near(row("cpuid")->interval.high, 109);
}

Test(analysis, what_has_no_counterpart_has_no_fee)
{
	cr_expect_not(analysis_has_fee(row("vmcall")));
	expect_near(row("vmcall")->ticks, 100);
	cr_expect_eq(analysis.priced, 4);
	expect_near(analysis.fee, 102 + 102);
}

Test(analysis, exits_are_per_operation)
{
	expect_near(row("cpuid")->exits_per_op, 1);
	expect_near(row("io")->exits_per_op, 1.5);
	expect_near(row("walk")->exits_per_op, 0);
	cr_assert_eq(row("cpuid")->exits, 1);
	expect_near(row("cpuid")->exit[0].per_op, 1);
}

Test(analysis, the_parts_of_a_fee_are_all_of_it)
{
	/* The cheapest exit takes 60.  CPUID: 90 handled; I/O: 3 exits of 60 in 2 operations. */
	expect_near(row("cpuid")->part[FEE_EMULATION], 30);
	expect_near(row("cpuid")->part[FEE_TRANSITION], 60 + 12);
	expect_near(row("io")->part[FEE_EMULATION], 0);
	expect_near(row("io")->part[FEE_TRANSITION], 90 + 12);
	expect_near(analysis.part[FEE_EMULATION], 30);
	for (size_t i = 0; i < analysis.rows; i++) {
		double sum = 0;
		for (int j = 0; j < FEE_COMPONENTS; j++)
			sum += analysis.row[i].part[j];
		expect_near(sum, analysis.row[i].fee);
	}
}

Test(analysis, a_fee_without_exits_belongs_to_what_the_benchmark_is_about)
{
	struct vmfee_error err = {0};

	results.stack[1].bench[4].ticks[0] = 12 + 4 * 9;
	analysis_free(&analysis);
	cr_assert_eq(analyse(&analysis, &results, &results.stack[1], &err), 0);
	expect_near(row("walk")->fee, 5);
	expect_near(row("walk")->part[FEE_MEMORY], 5);
	expect_near(row("walk")->part[FEE_TRANSITION], 0);
}

Test(analysis, the_guest_s_expectation_is_held_against_the_trace)
{
	cr_expect_null(analysis_disagreement(row("cpuid"), NULL));
	cr_expect_null(analysis_disagreement(row("empty"), NULL));
	const struct analysis_exit *exit = analysis_disagreement(row("io"), NULL);
	cr_assert_not_null(exit);
	cr_expect_eq(exit->expected, 2);
	cr_expect_eq(exit->seen, 3);
	cr_expect_null(analysis_disagreement(row("io"), exit));
}

Test(analysis, an_exit_that_is_missing_and_one_that_nobody_expects_both_disagree)
{
	struct vmfee_error err = {0};
	struct result_bench *bench = &results.stack[1].bench[2];

	bench->exit[0].reason = (uint16_t)exit_reason_by_name("HLT");
	analysis_free(&analysis);
	cr_assert_eq(analyse(&analysis, &results, &results.stack[1], &err), 0);
	const struct analysis_exit *hlt = analysis_disagreement(row("vmcall"), NULL);
	cr_assert_not_null(hlt);
	cr_expect_eq(hlt->seen, 2);
	cr_expect_eq(hlt->expected, 0);
	const struct analysis_exit *vmcall = analysis_disagreement(row("vmcall"), hlt);
	cr_assert_not_null(vmcall);
	cr_expect_eq(vmcall->seen, 0);
	cr_expect_eq(vmcall->expected, 2);
}

Test(analysis, without_a_trace_nothing_is_compared)
{
	struct vmfee_error err = {0};

	for (size_t i = 0; i < results.stacks; i += 2) {
		analysis_free(&analysis);
		cr_assert_eq(analyse(&analysis, &results, &results.stack[i], &err), 0);
		for (size_t j = 0; j < analysis.rows; j++)
			cr_expect_null(analysis_disagreement(&analysis.row[j], NULL));
	}
}

Test(analysis, telemetry_is_the_difference_to_the_quiet_stack_per_exit)
{
	cr_assert(row("cpuid")->probed);
	/* (220 - 160) / 2 operations / 1 exit; (115 - 85) / 1.5 exits */
	expect_near(row("cpuid")->telemetry, 30);
	expect_near(row("io")->telemetry, 20);
	cr_expect_not(row("walk")->probed, "without exits there is no share of one");
}

Test(analysis, a_native_stack_has_no_fee_and_no_table_beside_others)
{
	struct vmfee_error err = {0};

	analysis_free(&analysis);
	cr_assert_eq(analyse(&analysis, &results, &results.stack[0], &err), 0);
	cr_expect_eq(analysis.priced, 0);
	expect_near(row("cpuid")->ticks, 2);

	cr_expect_not(analysis_in_tables(&results, &results.stack[0]));
	cr_expect(analysis_in_tables(&results, &results.stack[1]));
	cr_expect_not(analysis_in_tables(&results, &results.stack[2]));
}

Test(analysis, each_workload_has_a_native_stack_of_its_own)
{
	struct result_stack stacks[] = {
		{.notation = "micro only=cpuid"},
		{.notation = "memory"},
		{.notation = "l1vmm nested=on / l1vmm / memory only=touch", .depth = 2},
		{.notation = "l1vmm / micro", .depth = 1},
		{.notation = "l1vmm / mic", .depth = 1},
		{.notation = "micro cpus=2", .cpus = 2},
		{.notation = "l1vmm cpus=2 / micro cpus=2", .depth = 1, .cpus = 2},
		{.notation = "l1vmm cpus=3 / micro cpus=3", .depth = 1, .cpus = 3},
	};
	const struct results several = {.stack = stacks,
					.stacks = sizeof(stacks) / sizeof(stacks[0])};

	cr_expect_eq(analysis_native(&several, &stacks[2]), &stacks[1]);
	cr_expect_eq(analysis_native(&several, &stacks[3]), &stacks[0]);
	cr_expect_null(analysis_native(&several, &stacks[4]));
	cr_expect_eq(analysis_native(&several, &stacks[6]), &stacks[5]);
	cr_expect_null(analysis_native(&several, &stacks[7]), "nor on other processors");
	cr_expect(analysis_is_column(&several, &stacks[0]));
	cr_expect(analysis_is_column(&several, &stacks[1]));
	cr_expect_not(analysis_in_tables(&several, &stacks[1]));
	cr_expect(analysis_in_tables(&several, &stacks[2]));
}

Test(analysis, alone_the_native_stack_has_a_table)
{
	struct result_stack alone = {.notation = "micro"};
	const struct results one = {.stack = &alone, .stacks = 1};

	cr_expect_not(analysis_is_column(&one, &alone));
	cr_expect(analysis_in_tables(&one, &alone));
}
