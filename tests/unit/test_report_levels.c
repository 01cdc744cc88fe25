#include "bench/report_levels.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { CPUID = 10, VMREAD = 23, VMRESUME = 24, VMWRITE = 25 };

static uint64_t ticks[] = {10, 10};

/* Two operations: each is an exit of L2's guest, and two of L1's; L1 reads and writes its VMCS. */
static struct exit_sum exits[] = {
	{.level = 0, .reason = CPUID, .count = 2, .handled_ticks = 20},
	{.level = 0, .reason = VMREAD, .count = 14, .handled_ticks = 140},
	{.level = 0, .reason = VMWRITE, .count = 4, .handled_ticks = 40},
	{.level = 0, .reason = VMRESUME, .count = 4, .handled_ticks = 40},
	{.level = 1, .reason = CPUID, .count = 2, .counters = {.vmreads = 8, .vmwrites = 4}},
	{.level = 1, .reason = VMREAD, .count = 6, .counters = {.vmreads = 8}},
	{.level = 2, .reason = CPUID, .count = 2, .counters = {.vmreads = 6, .vmwrites = 2}},
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

static char *print(size_t sums)
{
	struct result_stack stack = {.name = "three", .bench = benches, .benches = COUNT(benches)};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	benches[1].exits = sums;
	cr_assert_eq(report_levels(&stack, out, 120), 0);
	fclose(out);
	return text;
}

Test(report_levels, what_an_operation_takes_at_each)
{
	char *text = print(COUNT(exits));

	cr_expect(strstr(text, "\nThe same of level 1:\n"));
	cr_expect(strstr(text, "\nThe same of level 2:\n"));
	cr_expect(strstr(text, "  benchmark  L2 exits  VMCS accesses  trapped  L1 exits  "
			       "VMCS accesses  trapped  L0 exits  L0 per L2\n"),
		  "%s", text);
	cr_expect(strstr(text, "  cpuid           1.0            4.0      3.0       4.0"
			       "            2.5      1.5      12.0       12.0\n"),
		  "%s", text);
	cr_expect_null(strstr(text, "  empty  "), "without exits there is no row");
	free(text);
}

Test(report_levels, one_level_has_no_table)
{
	char *text = print(4);

	cr_expect_str_empty(text);
	free(text);
}
