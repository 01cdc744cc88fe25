#include "bench/report_depth.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t ten[] = {10}, thirty[] = {30}, hundred[] = {110};

static struct result_bench bare[] = {
	{.name = "empty", .ops = 1, .ticks = ten, .samples = 1},
	{.name = "cpuid", .ops = 1, .ticks = ten, .samples = 1},
};
static struct result_bench under[] = {
	{.name = "empty", .ops = 1, .ticks = ten, .samples = 1},
	{.name = "cpuid", .ops = 1, .ticks = hundred, .samples = 1},
	{.name = "vmcall", .ops = 1, .ticks = thirty, .samples = 1},
};

static char *print(unsigned depth)
{
	struct result_stack stacks[] = {
		{.name = "other", .notation = "l1vmm / memory", .depth = 1},
		{.name = "bare", .notation = "micro", .bench = bare, .benches = COUNT(bare)},
		{.name = "quiet", .notation = "micro", .probe_of = "bare"},
		{.name = "two",
		 .notation = "l1vmm nested=on / l1vmm / micro only=cpuid",
		 .depth = depth,
		 .bench = under,
		 .benches = COUNT(under)},
	};
	struct results results = {.property = {{"unit", "steps"}},
				  .properties = 1,
				  .stack = stacks,
				  .stacks = COUNT(stacks)};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_eq(report_depth(&results, &(struct matrix){.groups = 0}, out, 80), 0);
	fclose(out);
	return text;
}

Test(report_depth, one_column_for_each_stack_of_the_workload)
{
	char *text = print(2);

	cr_expect_str_eq(text, "\nThe same by depth, steps per operation:\n\n"
			       "  benchmark  bare    two\n"
			       "  ----------------------\n"
			       "  empty       0.0    0.0\n"
			       "  cpuid       0.0  100.0\n"
			       "  vmcall        -   20.0\n");
	free(text);
}

Test(report_depth, one_hypervisor_is_no_depth)
{
	char *text = print(1);

	cr_expect_str_empty(text);
	free(text);
}
