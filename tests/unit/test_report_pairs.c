#include "bench/report_pairs.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t ten[] = {10}, thirty[] = {30}, hundred[] = {110};

static struct result_bench fast[] = {
	{.name = "empty", .ops = 1, .ticks = ten, .samples = 1},
	{.name = "cpuid", .ops = 1, .ticks = thirty, .samples = 1},
	{.name = "vmcall", .ops = 1, .ticks = thirty, .samples = 1},
};
static struct result_bench slow[] = {
	{.name = "empty", .ops = 1, .ticks = ten, .samples = 1},
	{.name = "cpuid", .ops = 1, .ticks = hundred, .samples = 1},
};

static char *print(const char *l1vmm, const char *kvm)
{
	struct result_stack stacks[] = {
		{.name = "slow", .bench = slow, .benches = COUNT(slow)},
		{.name = "fast", .bench = fast, .benches = COUNT(fast)},
	};
	struct results results = {.property = {{"unit", "steps"}},
				  .properties = 1,
				  .stack = stacks,
				  .stacks = COUNT(stacks)};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	snprintf(stacks[0].notation, sizeof(stacks[0].notation), "%s", kvm);
	snprintf(stacks[1].notation, sizeof(stacks[1].notation), "%s", l1vmm);
	cr_assert_eq(report_pairs(&results, out, 80), 0);
	fclose(out);
	return text;
}

Test(report_pairs, the_same_upon_either)
{
	char *text =
		print("l1vmm telemetry=off / micro only=cpuid", "kvm ept=0 / micro only=cpuid");

	cr_expect_str_eq(text, "\nThe same upon either L0, fast (l1vmm telemetry=off / micro "
			       "only=cpuid) and slow\n"
			       "  (kvm ept=0 / micro only=cpuid), steps per operation:\n\n"
			       "  benchmark  fast   slow  ratio\n"
			       "  -----------------------------\n"
			       "  empty       0.0    0.0      -\n"
			       "  cpuid      20.0  100.0   5.00\n");
	free(text);
}

Test(report_pairs, other_stacks_are_no_pair)
{
	static const char *const rows[][2] = {
		{"micro", "kvm / micro"},
		{"l1vmm / micro", "kvm / micro only=cpuid"},
		{"l1vmm / micro", "kvm / l1vmm / micro"},
		{"l1vmm / micro", "l1vmm cr=trap / micro"},
		{"kvm ept=0 / micro", "kvm / micro"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = print(rows[i][0], rows[i][1]);
		cr_expect_str_empty(text, "%s: %s", rows[i][1], text);
		free(text);
	}
}
