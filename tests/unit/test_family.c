/* Benchmarks along a number: families of them, who overtakes whom, and what a figure shows of it.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/crossover.h"
#include "bench/family.h"
#include "bench/plot_data.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t none[] = {0}, four[] = {4}, eight[] = {8}, nine[] = {9}, seven[] = {7};

/* A reference costs 10: by 4, 8 and 9 + 20 ticks, and by 7 each and 10 for a reference. */
static struct result_bench first[] = {
	{.name = "big-1m", .ops = 1, .ticks = nine, .samples = 1, .observed = {.references = 2}},
	{.name = "alone-1", .ops = 1, .ticks = four, .samples = 1},
	{.name = "big-4k", .ops = 1, .ticks = four, .samples = 1},
	{.name = "big-8x64", .ops = 1, .ticks = four, .samples = 1},
	{.name = "bigger-4k", .ops = 1, .ticks = four, .samples = 1},
	{.name = "big-64k", .ops = 1, .ticks = eight, .samples = 1},
	{.name = "empty", .ops = 1, .ticks = none, .samples = 1},
	{.name = "plain", .ops = 1, .ticks = four, .samples = 1},
};
static struct result_bench second[] = {
	{.name = "empty", .ops = 1, .ticks = none, .samples = 1},
	{.name = "big-4k", .ops = 1, .ticks = seven, .samples = 1},
	{.name = "big-64k", .ops = 1, .ticks = seven, .samples = 1},
	{.name = "big-1m",
	 .ops = 1,
	 .ticks = seven,
	 .samples = 1,
	 .observed = {.refills = 1, .references = 1}},
};
static struct result_stack stacks[] = {
	{.name = "a",
	 .bench = first,
	 .benches = COUNT(first),
	 .tlb = {.name = "model", .reference = 10}},
	{.name = "bare", .bench = second, .benches = COUNT(second)},
	{.name = "b",
	 .bench = second,
	 .benches = COUNT(second),
	 .tlb = {.name = "model", .reference = 10}},
};
static struct results results = {.stack = stacks, .stacks = COUNT(stacks)};

Test(family, its_members_are_in_the_order_of_their_numbers)
{
	struct family family;

	cr_assert(family_find(&family, &stacks[0], 0));
	cr_expect_str_eq(family.name, "big");
	cr_assert_eq(family.members, 3);
	cr_expect_str_eq(family.member[0].name, "big-4k");
	cr_expect_str_eq(family.member[1].label, "64k");
	cr_expect_str_eq(family.member[2].label, "1m");
	cr_expect_eq(family.member[2].number, 1048576);
}

Test(family, is_found_at_its_first_member_and_not_alone)
{
	struct family family;

	for (size_t i = 1; i < COUNT(first); i++)
		cr_expect_not(family_find(&family, &stacks[0], i), "%s", first[i].name);
}

Test(family, numbers_that_nobody_knows_have_a_name)
{
	cr_expect_str_eq(family_axis(&(struct family){.name = "chase"}), "working set, bytes");
	cr_expect_str_eq(family_axis(&(struct family){.name = "big"}),
			 "number in the benchmark's name");
}

/* 3 ticks ahead at 4k and 1 behind at 64k: three quarters of the way, by factors, is 32k. */
Test(family, crossover)
{
	struct family family;
	struct crossover crossover;

	cr_assert(family_find(&family, &stacks[0], 0));
	cr_assert(crossover_next(&family, &stacks[0], &stacks[2], 0, &crossover));
	cr_expect_eq(crossover.after, 0);
	cr_expect_lt(fabs(crossover.number - 32768), 1);
	cr_expect_not(crossover.first_then);
	cr_expect_not(crossover_next(&family, &stacks[0], &stacks[2], 1, &crossover));
}

Test(family, figure)
{
	struct family family;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert(family_find(&family, &stacks[0], 0));
	cr_expect_eq(plot_data_tlb(&results, &stacks[0], &family, out), 2);
	fclose(out);
	cr_expect_str_eq(text, "\"a\"\n"
			       "4096 4k 0 0 4 1\n"
			       "65536 64k 0 0 8 1.142857143\n"
			       "1048576 1m 0 2 29 1.705882353\n"
			       "\n\n\"b\"\n"
			       "4096 4k 0 0 7 1.75\n"
			       "65536 64k 0 0 7 1\n"
			       "1048576 1m 1 1 17 1\n");
	free(text);
}
