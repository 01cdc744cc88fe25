#include "bench/plot_data.h"
#include "bench/timeline.h"

#include <criterion/criterion.h>

#include <stdlib.h>

static struct result_bench benches[] = {
	{.name = "empty", .begin = 1000, .end = 1010},
	{.name = "wide", .begin = 1020, .end = 1900},
	{.name = "late", .begin = 1960, .end = 2000},
};

/* CPUID is 10, HLT is 12. */
static struct result_time times[] = {
	{.level = 0, .reason = 12, .begin = 1000, .end = 1010, .low = 96, .high = 111, .count = 9},
	{.level = 1, .reason = 10, .begin = 1000, .end = 1010, .low = 96, .high = 111, .count = 2},
	{.level = 1, .reason = 12, .begin = 1000, .end = 1010, .low = 96, .high = 111, .count = 3},
	{.level = 1, .reason = 12, .begin = 1000, .end = 1010, .low = 8, .high = 9, .count = 1},
	{.level = 1, .reason = 12, .begin = 1020, .end = 1030, .low = 8, .high = 9, .count = 7},
	{.level = 2, .reason = 10, .begin = 1000, .end = 1010, .low = 8, .high = 9, .count = 5},
};

/* Upon KVM: what it took itself, and what hypervisors above took, is not the stack's. */
static struct result_stack stack = {
	.name = "stack", .base = 1, .bench = benches, .benches = 3, .time = times, .times = 6};

static void expect(unsigned (*write)(const struct analysis *analysis, FILE *out), unsigned shown,
		   const char *wanted)
{
	struct analysis analysis = {.stack = &stack};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_expect_eq(write(&analysis, out), shown);
	fclose(out);
	cr_expect_str_eq(text, wanted);
	free(text);
}

Test(plot_time, heat_adds_up_the_exits_that_took_as_long)
{
	expect(plot_data_heat, 1,
	       "0 \" \"\n20 \"wide\"\n960 \"late\"\n\n\n"
	       "0 10 8 10 1\n0 10 96 112 5\n20 30 8 10 7\n");
}

Test(plot_time, reasons_are_stacked_the_most_frequent_one_first)
{
	expect(plot_data_time, 2,
	       "0 \" \"\n20 \"wide\"\n960 \"late\"\n"
	       "\n\n\"HLT\"\n0 10 0 4\n20 30 0 7\n"
	       "\n\n\"CPUID\"\n0 10 4 6\n");
}

Test(plot_time, without_exits_there_is_nothing_to_show)
{
	stack.times = 1;
	expect(plot_data_heat, 0, "");
	expect(plot_data_time, 0, "");
	stack.times = 0;
	expect(plot_data_heat, 0, "");
}
