#include "bench/compare_report.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Two runs of one stack; a test changes what it is about. */
static uint64_t harness[] = {10, 10, 11, 11, 12, 12, 13, 13};
static uint64_t low[] = {110, 111, 112, 113, 114, 115, 116, 117};
static uint64_t high[] = {130, 131, 132, 133, 134, 135, 136, 137};
static struct result_bench before_bench[2], after_bench[2];
static struct result_stack before_stack, after_stack;
static struct results before, after;
static struct exit_sum exits[2];
static struct comparison comparison;
static struct compare_runs runs;
static struct vmfee_error err;

static void set_up_run(struct results *results, struct result_stack *stack,
		       struct result_bench *bench, const char *name, struct exit_sum *sum)
{
	*sum = (struct exit_sum){.reason = (uint16_t)exit_reason_by_name("CPUID"),
				 .count = COUNT(low),
				 .shortest = 1};
	bench[0] = (struct result_bench){
		.name = "empty", .ops = 1, .ticks = harness, .samples = COUNT(harness)};
	bench[1] = (struct result_bench){.name = "cpuid",
					 .ops = 1,
					 .ticks = low,
					 .samples = COUNT(low),
					 .exit = sum,
					 .exits = 1};
	*stack = (struct result_stack){.depth = 1, .traced = true, .bench = bench, .benches = 2};
	snprintf(stack->name, sizeof(stack->name), "%s", name);
	snprintf(stack->notation, sizeof(stack->notation), "l1vmm / micro");
	*results = (struct results){
		.property = {{"unit", "steps"}, {"platform", "bochs"}},
		.properties = 2,
		.stack = stack,
		.stacks = 1,
	};
}

static void set_up(void)
{
	set_up_run(&before, &before_stack, before_bench, "one", &exits[0]);
	set_up_run(&after, &after_stack, after_bench, "one", &exits[1]);
}

static void set_platform(const char *name)
{
	snprintf(before.property[1].value, sizeof(before.property[1].value), "%s", name);
	snprintf(after.property[1].value, sizeof(after.property[1].value), "%s", name);
}

/* Anew, where a test compares twice. */
static void compare(void)
{
	compare_free(&comparison);
	cr_assert_eq(
		compare_stacks(&comparison, &before, &before_stack, &after, &after_stack, &err), 0);
	cr_assert_eq(compare_correct(&comparison, 1, &err), 0);
	runs = (struct compare_runs){"old", "new", &before, &after, &comparison, 1, "", ""};
}

static void tear_down(void)
{
	compare_free(&comparison);
}

TestSuite(compare, .init = set_up, .fini = tear_down);

/* The row of cpuid, and what became of it. */
static void expect(enum compare_verdict verdict, bool fails)
{
	compare();
	const struct compare_row *row = &comparison.row[1];
	cr_assert_str_eq(row->name, "cpuid");
	cr_expect_eq(compare_verdict(&comparison, row), verdict, "%d",
		     compare_verdict(&comparison, row));
	cr_expect_eq(compare_fails(&comparison, row, 5), fails);
	cr_expect_eq(compare_gate(&runs, 5, &err), fails ? -1 : 0);
	cr_expect_eq(err.status, fails ? VMFEE_WORSE : VMFEE_OK);
}

Test(compare, what_is_the_same_to_the_sample_is_the_same)
{
	expect(COMPARE_SAME, false);
	cr_expect(comparison.exact);
	cr_expect(comparison.row[1].same);
}

Test(compare, on_bochs_one_tick_is_a_difference)
{
	static uint64_t ticks[] = {110, 111, 112, 114, 115, 116, 117, 118};

	after_bench[1].ticks = ticks;
	expect(COMPARE_MORE, false);
	cr_expect_eq(comparison.row[1].before_ticks, 103.5);
	cr_expect_eq(comparison.row[1].after_ticks, 104.5);
}

/* One run in some twenty has others: docs/interrupts.md. */
Test(compare, of_several_processors_bochs_repeats_no_ticks)
{
	static uint64_t ticks[] = {110, 111, 112, 114, 115, 116, 117, 118};

	before_stack.cpus = after_stack.cpus = 2;
	after_bench[1].ticks = ticks;
	expect(COMPARE_SAME, false);
	cr_expect_not(comparison.exact);
	before_stack.cpus = after_stack.cpus = 1;
}

Test(compare, on_bochs_a_sample_is_a_difference_though_no_median_is)
{
	static uint64_t ticks[] = {110, 111, 112, 113, 114, 115, 116, 118};

	after_bench[1].ticks = ticks;
	expect(COMPARE_OTHER, false);
}

Test(compare, the_gate_stops_above_its_percentage_only)
{
	/* The harness takes 10: 103.5 becomes 123.5, 19.3 % more. */
	after_bench[1].ticks = high;
	expect(COMPARE_MORE, true);
	cr_expect_str_eq(err.text, "1 row is worse by more than 5 %: one cpuid +19.3%");
	cr_expect(compare_fails(&comparison, &comparison.row[1], 19.3));
	cr_expect_not(compare_fails(&comparison, &comparison.row[1], 19.4));
}

Test(compare, what_takes_less_passes)
{
	before_bench[1].ticks = high;
	expect(COMPARE_LESS, false);
}

Test(compare, exits_count_as_ticks_do)
{
	exits[1].count = 2 * COUNT(low);
	expect(COMPARE_MORE, true);
	cr_expect_eq(comparison.row[1].before_ticks, comparison.row[1].after_ticks);
}

Test(compare, another_exit_in_the_place_of_one_is_a_difference)
{
	exits[1].reason = (uint16_t)exit_reason_by_name("VMCALL");
	expect(COMPARE_OTHER, false);
}

Test(compare, without_a_trace_exits_are_not_compared)
{
	exits[1].count = 2 * COUNT(low);
	after_stack.traced = false;
	expect(COMPARE_SAME, false);
	cr_expect_not(comparison.row[1].counted);
}

Test(compare, what_is_gone_does_not_pass)
{
	after_stack.benches = 1;
	expect(COMPARE_GONE, true);
	cr_expect_str_eq(err.text, "1 row is worse by more than 5 %: one cpuid is gone");
}

Test(compare, a_stack_that_is_gone_does_not_pass)
{
	compare();
	snprintf(runs.gone, sizeof(runs.gone), "two");
	cr_expect_eq(compare_gate(&runs, 5, &err), -1);
	cr_expect_str_eq(err.text, "new has no stack two");
}

Test(compare, what_is_new_passes)
{
	before_stack.benches = 1;
	expect(COMPARE_NEW, false);
}

/* The other rows have their harness subtracted: it would hide in none of them. */
Test(compare, the_harness_is_compared_as_it_is)
{
	static uint64_t slow[] = {20, 20, 21, 21, 22, 22, 23, 23};

	after_bench[0].ticks = slow;
	compare();
	cr_expect_eq(comparison.row[0].before_ticks, 11.5);
	cr_expect_eq(comparison.row[0].after_ticks, 21.5);
	cr_expect(compare_fails(&comparison, &comparison.row[0], 5));
}

Test(compare, elsewhere_a_difference_has_to_be_no_chance)
{
	static uint64_t ticks[] = {100, 101, 102, 125, 126, 127, 128, 129};

	set_platform("kvm");
	after_bench[1].ticks = ticks;
	expect(COMPARE_SAME, false);
	cr_expect_not(comparison.exact);
	cr_expect_gt(comparison.row[1].after_ticks, 1.05 * comparison.row[1].before_ticks);
	cr_expect_gt(comparison.row[1].test.p, 0.05);
}

/* The median rises by a tenth, but of two samples the later is the smaller one far more often. */
Test(compare, elsewhere_what_is_less_is_told_by_all_samples)
{
	static uint64_t first[101], second[101];

	for (size_t i = 0; i < COUNT(first); i++) {
		first[i] = i < 51 ? 100 : 1000;
		second[i] = i < 50 ? 20 : 120;
	}
	set_platform("kvm");
	before_bench[1].ticks = first;
	after_bench[1].ticks = second;
	before_bench[1].samples = after_bench[1].samples = COUNT(first);
	expect(COMPARE_LESS, false);
	cr_expect_gt(comparison.row[1].after_ticks, 1.05 * comparison.row[1].before_ticks);
	cr_expect_lt(comparison.row[1].test.delta, -0.4);
	cr_expect_lt(comparison.row[1].holm, 0.001);
}

/* All of 8 above all of 8: p is 2 of 16! / (8! 8!) = 12870, and twice that for two rows. */
Test(compare, elsewhere_a_clear_difference_stops_the_gate)
{
	set_platform("kvm");
	after_bench[1].ticks = high;
	expect(COMPARE_MORE, true);
	const struct compare_row *row = &comparison.row[1];
	cr_expect_eq(row->test.u, 64);
	cr_expect_eq(row->test.delta, 1);
	cr_expect(row->test.exact);
	cr_expect_lt(fabs(row->test.p - 2 / 12870.0), 1e-12);
	cr_expect_lt(fabs(row->holm - 4 / 12870.0), 1e-12);
	cr_expect(row->interval.low > 10 && row->interval.low < 20);
	cr_expect(row->interval.high > 20 && row->interval.high < 30);
}

Test(compare, a_handful_of_samples_cannot_pass_for_no_difference)
{
	set_platform("kvm");
	after_bench[1].ticks = high;
	before_bench[1].samples = after_bench[1].samples = 3;
	expect(COMPARE_UNTOLD, true);
	cr_expect_str_eq(err.text, "1 row is worse by more than 5 %: one cpuid +19.8% (too few "
				   "samples to tell)");
}

Test(compare, one_sample_on_either_side)
{
	set_platform("kvm");
	before_bench[1].samples = after_bench[1].samples = 1;
	expect(COMPARE_SAME, false);
	cr_expect_eq(comparison.row[1].interval.low, 0);
	cr_expect_eq(comparison.row[1].interval.high, 0);
}

Test(compare, cycles_are_no_instructions)
{
	snprintf(after.property[0].value, sizeof(after.property[0].value), "cycles");
	cr_expect_eq(compare_units(&before, &after, &err), -1);
	cr_expect_eq(err.status, VMFEE_USAGE);
	cr_expect_str_eq(err.text,
			 "these runs cannot be compared: one is in steps, the other in cycles");
}

Test(compare, changes_are_shares_of_what_was_before)
{
	cr_expect_eq(compare_change(100, 150), 50);
	cr_expect_eq(compare_change(100, 75), -25);
	cr_expect_eq(compare_change(0, 0), 0);
	cr_expect_eq(compare_change(0, 1), INFINITY);
	cr_expect_eq(compare_change(-1, 0), INFINITY);
}

static char *print(bool all)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	compare();
	cr_assert_eq(compare_print(&runs, all, out, 100, &err), 0);
	compare_csv(&runs, out);
	fclose(out);
	return text;
}

static void expect_text(bool all, const char *wanted)
{
	char *text = print(all);
	size_t length = strlen(wanted);

	cr_expect_eq(strncmp(text, wanted, length), 0, "%s", text);
	free(text);
}

Test(compare, exact_differences_in_print)
{
	after_bench[1].ticks = high;
	exits[1].reason = (uint16_t)exit_reason_by_name("VMCALL");
	expect_text(
		false,
		"Before: old.  After: new.  In steps per operation.\n\n"
		"one (l1vmm / micro):\n\n"
		"  benchmark  before  after  difference  change  exits/op before  after  exits that "
		"differ\n"
		"  ----------------------------------------------------------------------------------"
		"---------------\n"
		"  cpuid       103.5  123.5       +20.0  +19.3%                1      1  CPUID 1 -> 0, "
		"VMCALL 0 -> 1\n"
		"1 of 2 rows are the same, to the sample and the exit.\n"
		"stack,after_stack,benchmark,before,after,difference,change_percent,low,high,u,p,"
		"p_holm,delta,exits_before,exits_after,verdict\n"
		"one,one,empty,11.5,11.5,0,0,,,,,,,0,0,same\n"
		"one,one,cpuid,103.5,123.5,20,19.3236715,,,,,,,1,1,more\n");
}

Test(compare, tested_differences_in_print)
{
	set_platform("kvm");
	after_bench[1].ticks = high;
	after_stack.benches = 2;
	expect_text(true, "Before: old.  After: new.  In steps per operation.\n\n"
			  "one (l1vmm / micro):\n\n"
			  "  benchmark  before  after  change  difference (95 %)   U       p  delta"
			  "  after is\n");
	char *text = print(true);
	cr_expect_not_null(strstr(text, "could be chance"), "%s", text);
	cr_expect_not_null(strstr(text, "  64  0.0003  +1.00  more: large\n"), "%s", text);
	free(text);
}
