#include "bench/report_joined.h"

#include <criterion/criterion.h>

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { CPUID = 10, VMREAD = 23, VMRESUME = 24 };

static char *print(struct join_sum *joined, size_t joineds)
{
	static struct join_part beneath[] = {
		{.reason = CPUID, .beneath = CPUID, .count = 2, .handled_ticks = 600},
		{.reason = CPUID, .beneath = VMREAD, .count = 1, .handled_ticks = 100},
		{.reason = CPUID, .beneath = VMRESUME, .count = 2, .handled_ticks = 300},
		{.reason = VMREAD, .beneath = VMRESUME, .count = 1, .handled_ticks = 50},
	};
	const struct result_stack stack = {.name = "seen",
					   .joined = joined,
					   .joineds = joineds,
					   .beneath = beneath,
					   .beneaths = COUNT(beneath)};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_eq(report_joined(&stack, "steps", out, 80), 0);
	fclose(out);
	return text;
}

/* 1000 steps beneath; 3 stays of 20 each, and what they took more; 5 ways there and back. */
Test(report_joined, what_an_exit_took_of_each_level)
{
	struct join_sum joined[] = {
		{.reason = CPUID, .count = 2, .stays = 3, .stay_ticks = 260, .shortest = 30},
		{.reason = VMREAD, .count = 1, .stays = 1, .stay_ticks = 20, .shortest = 20},
	};
	char *text = print(joined, COUNT(joined));

	cr_expect_str_eq(
		text,
		"\nWhat an exit that KVM delivered to L1 took in seen, in steps:\n\n"
		"  reason  exits  in KVM  in L1  transition    all  KVM's exits for one\n"
		"  ------------------------------------------------------------------------------\n"
		"  CPUID       2   500.0  100.0        50.0  650.0  CPUID 1, VMREAD 0.5,\n"
		"                                                   VMRESUME 1\n"
		"  VMREAD      1    50.0    0.0        40.0   90.0  VMRESUME 1\n"
		"From the exit to the entry behind it. A way into a guest and back is transition,\n"
		"  20 steps.\n");
	free(text);
}

Test(report_joined, nothing_of_what_nobody_observed)
{
	char *text = print(NULL, 0);

	cr_expect_str_eq(text, "");
	free(text);
}
