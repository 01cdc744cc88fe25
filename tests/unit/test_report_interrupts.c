/* What the report says of interrupts and of timers that tick, and what their figures show. */
#include "bench/plot_data.h"
#include "bench/report_interrupts.h"
#include "bench/report_ticks.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t ten[] = {10}, thirty[] = {30, 30, 60}, fifty[] = {50}, hundred[] = {110},
		ticks[] = {380, 420, 810, 1210};

static struct result_bench bare[] = {
	{.name = "empty", .ops = 1, .ticks = ten, .samples = 1},
	{.name = "ipi-latency", .ops = 1, .ticks = thirty, .samples = 3},
	{.name = "ipi", .ops = 1, .ticks = hundred, .samples = 1},
	{.name = "ipi-whole", .ops = 1, .ticks = fifty, .samples = 1},
	{.name = "nmi-latency", .ops = 1, .ticks = thirty, .samples = 3},
	{.name = "nmi", .ops = 1, .ticks = hundred, .samples = 1},
	{.name = "storm-0", .ops = 1, .ticks = fifty, .samples = 1},
	{.name = "storm-40", .ops = 1, .ticks = hundred, .samples = 1},
	{.name = "storm-latency-40", .ops = 1, .ticks = thirty, .samples = 3},
	{.name = "tick-400", .ops = 1, .ticks = ticks, .samples = 4},
	{.name = "tick-slow", .ops = 1, .ticks = ten, .samples = 1},
};
static struct exit_sum exits[] = {{.reason = 1, .count = 3}};
static struct result_bench guest[] = {
	{.name = "empty", .ops = 1, .ticks = ten, .samples = 1},
	{.name = "ipi-latency",
	 .ops = 1,
	 .ticks = thirty,
	 .samples = 3,
	 .any_exits = true,
	 .exit = exits,
	 .exits = 1},
	{.name = "storm-0", .ops = 1, .ticks = fifty, .samples = 1},
};
static struct result_stack stacks[] = {
	{.name = "native", .notation = "irq", .bench = bare, .benches = COUNT(bare)},
	{.name = "l1vmm",
	 .notation = "l1vmm / irq",
	 .depth = 1,
	 .traced = true,
	 .default_switches = true,
	 .bench = guest,
	 .benches = COUNT(guest)},
	{.name = "quiet",
	 .notation = "l1vmm telemetry=off / irq",
	 .depth = 1,
	 .probe_of = "l1vmm",
	 .bench = guest,
	 .benches = COUNT(guest)},
};
static struct results results = {
	.property = {{"unit", "steps"}}, .properties = 1, .stack = stacks, .stacks = COUNT(stacks)};
static char *text;
static size_t size;
static FILE *out;

static void set_up(void)
{
	out = open_memstream(&text, &size);
}

static void tear_down(void)
{
	free(text);
}

TestSuite(report_interrupts, .init = set_up, .fini = tear_down);

Test(report_interrupts, a_row_for_each_stack_with_its_exits)
{
	cr_assert_eq(report_interrupts(&results, out, 100), 0);
	fclose(out);
	cr_expect_str_eq(
		text, "\nInterrupts, steps from the source to the handler, and through its end:\n\n"
		      "  interrupt         stack   to handler  through EOI  exits  exits of one "
		      "interrupt\n"
		      "  ----------------------------------------------------------"
		      "----------------------\n"
		      "  ipi-latency       native        20.0         40.0      -  -\n"
		      "  ipi-latency       l1vmm         20.0            -   1.00  "
		      "EXTERNAL_INTERRUPT 1\n"
		      "  nmi-latency       native        20.0        100.0      -  -\n"
		      "  storm-latency-40  native        20.0            -      -  -\n");
}

Test(report_interrupts, a_row_for_what_the_last_stack_has_not)
{
	struct result_stack some[] = {stacks[0], stacks[1]};
	struct results two = results;

	some[0].benches = 2;
	some[1] = some[0];
	some[1].cpus = 2;
	snprintf(some[1].name, sizeof(some[1].name), "native-2");
	some[1].benches = 1;
	two.stack = some;
	two.stacks = 2;
	cr_assert_eq(report_interrupts(&two, out, 100), 0);
	fclose(out);
	cr_expect_not_null(strstr(text, "\n  ipi-latency  native  "), "%s", text);
}

Test(report_interrupts, ticks_off_their_period_and_lost)
{
	cr_assert_eq(report_ticks(&results, out, 100), 0);
	fclose(out);
	cr_expect_not_null(strstr(text, "in steps;"), "%s", text);
	cr_expect_not_null(strstr(text,
				  "\n\n"
				  "  timer     stack   period  median  jitter  ticks  lost\n"
				  "  -----------------------------------------------------\n"
				  "  tick-400  native     400   615.0    20.0      4     3\n"),
			   "%s", text);
	cr_expect_null(strstr(text, "tick-slow"), "%s", text);
}

Test(report_interrupts, nothing_to_say_without_any)
{
	struct results calm = results;
	struct result_stack only = stacks[1];

	only.bench = &guest[0];
	only.benches = 1;
	calm.stack = &only;
	calm.stacks = 1;
	cr_expect_eq(report_interrupts(&calm, out, 100), 0);
	cr_expect_eq(report_ticks(&calm, out, 100), 0);
	fclose(out);
	cr_expect_str_eq(text, "");
}

Test(report_interrupts, the_figure_of_latency_has_a_line_for_each_stack)
{
	cr_expect_eq(plot_data_arrival(&results, "ipi-latency", out), 2);
	fclose(out);
	cr_expect_str_eq(text, "\"native\"\n30 0\n30 0.6666666667\n60 1\n\n\n"
			       "\"l1vmm\"\n30 0\n30 0.6666666667\n60 1\n");
}

Test(report_interrupts, the_figure_of_a_storm_is_relative_to_none)
{
	struct family family;

	cr_assert(family_find(&family, &stacks[0], 6));
	cr_expect_str_eq(family.name, FAMILY_STORM);
	cr_expect_eq(plot_data_storm(&results, &family, out), 2);
	fclose(out);
	cr_expect_str_eq(text, "\"native\"\n0 1\n40 0.4545454545\n\n\n\"l1vmm\"\n0 1\n");
}
