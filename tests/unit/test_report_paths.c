#include "bench/report_paths.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { CPUID = 10, VMREAD = 23, VMRESUME = 24, VMWRITE = 25 };

static uint64_t ticks[] = {10, 10};

/* Of the accesses to the VMCS some are the processor's own, as VMCS shadowing has them. */
static struct exit_sum exits[] = {
	{.level = 0, .reason = CPUID, .count = 2, .counters = {.vmreads = 100}},
	{.level = 1, .reason = CPUID, .count = 2, .counters = {.vmreads = 6, .vmwrites = 2}},
};
static struct exit_sum outside[] = {
	{.level = 1, .reason = CPUID, .count = 2, .counters = {.vmreads = 6, .vmwrites = 2}},
};
static struct result_bench benches[] = {
	{.name = "empty", .ops = 1, .ticks = ticks, .samples = 2},
	{.name = "cpuid",
	 .ops = 1,
	 .ticks = ticks,
	 .samples = 2,
	 .exit = exits,
	 .exits = COUNT(exits)},
};

#define PATH(above, at, why, times, spent, how) \
	{.parent = (above),                     \
	 .level = (at),                         \
	 .reason = (why),                       \
	 .count = (times),                      \
	 .own_ticks = (spent),                  \
	 .kind = LEVEL_##how}

static struct level_node paths[] = {
	PATH(LEVELS_NO_NODE, 1, CPUID, 4, 100, ALONE),
	PATH(LEVELS_NO_NODE, 0, CPUID, 7, 700, ALONE),
	PATH(0, 0, CPUID, 4, 40, DELIVERS),
	PATH(0, 0, VMREAD, 2, 20, WITHIN),
	PATH(0, 0, VMWRITE, 4, 40, WITHIN),
	PATH(0, 0, VMRESUME, 4, 60, WITHIN),
};

static char *print(size_t count)
{
	struct result_stack stack = {
		.name = "two",
		.bench = benches,
		.benches = COUNT(benches),
		.outside = outside,
		.outsides = COUNT(outside),
		.path = paths,
		.paths = count,
	};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_eq(report_paths(&stack, "steps", out, 200), 0);
	fclose(out);
	return text;
}

Test(report_paths, what_an_exit_takes)
{
	char *text = print(COUNT(paths));

	cr_expect(strstr(text, "What an exit to L1 of two takes"), "%s", text);
	cr_expect(strstr(text,
			 "  reason  exits  VMREADs  VMWRITEs  trapped  exits  in L1  beneath  "
			 "exits to L0\n"),
		  "%s", text);
	cr_expect(strstr(text,
			 "  CPUID       4      3.0       1.0      1.5    3.5   25.0     40.0  "
			 "CPUID 1, VMREAD 0.5, VMRESUME 1, VMWRITE 1\n"),
		  "%s", text);
	free(text);
}

Test(report_paths, one_level_has_no_table)
{
	char *text = print(0);

	cr_expect_str_empty(text);
	free(text);
}
