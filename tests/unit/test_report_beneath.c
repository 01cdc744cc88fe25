#include "bench/report_beneath.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { CPUID = 10, VMRESUME = 24 };

static uint64_t ten[] = {10}, most[] = {1010}, least[] = {610};
static struct exit_sum exits[] = {
	{.level = 0, .reason = CPUID, .count = 1, .handled_ticks = 300},
	{.level = 0, .reason = VMRESUME, .count = 1, .handled_ticks = 500},
	{.level = 1, .reason = CPUID, .count = 1, .handled_ticks = 100},
};
static struct result_bench seen[] = {
	{.name = "empty", .ops = 1, .ticks = ten, .samples = 1},
	{.name = "cpuid",
	 .ops = 1,
	 .ticks = most,
	 .samples = 1,
	 .exit = exits,
	 .exits = COUNT(exits)},
};
static struct result_bench unseen[] = {
	{.name = "empty", .ops = 1, .ticks = ten, .samples = 1},
	{.name = "cpuid", .ops = 1, .ticks = least, .samples = 1},
};

static char *print(const char *other)
{
	struct result_stack stacks[] = {
		{.name = "seen",
		 .notation = "kvm observe=on / l1vmm / micro",
		 .base = 1,
		 .bench = seen,
		 .benches = COUNT(seen)},
		{.name = "unseen", .base = 1, .bench = unseen, .benches = COUNT(unseen)},
	};
	struct results results = {.property = {{"unit", "steps"}},
				  .properties = 1,
				  .stack = stacks,
				  .stacks = COUNT(stacks)};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	snprintf(stacks[1].notation, sizeof(stacks[1].notation), "%s", other);
	cr_assert_eq(report_beneath(&results, &stacks[0], out, 80), 0);
	cr_assert_eq(report_beneath(&results, &stacks[1], out, 80), 0);
	fclose(out);
	return text;
}

#define TABLE                                                                  \
	"\nWhat KVM did beneath seen, for each operation:\n\n"                 \
	"  benchmark  exits above  KVM's exits  in KVM  KVM's exits\n"         \
	"  ----------------------------------------------------------------\n" \
	"  cpuid             1.00         2.00   800.0  CPUID 1, VMRESUME 1\n"

Test(report_beneath, what_an_operation_costs_beneath)
{
	char *text = print("kvm / micro");

	cr_expect_str_eq(text, TABLE);
	free(text);
}

/* Whoever asked for it is told. */
Test(report_beneath, what_nobody_could_observe)
{
	char *text = print("kvm observe=on / micro");

	cr_expect_str_eq(text, TABLE
			 "\nKVM was not observed beneath unseen; its console.log says why.\n");
	free(text);
}

Test(report_beneath, what_looking_costs)
{
	char *text = print("kvm / l1vmm / micro");

	cr_expect_str_eq(text, TABLE "Observing takes 200.0 steps an exit of KVM's: the difference "
				     "to unseen, all benchmarks.\n");
	free(text);
}
