#include "bench/stack.h"

#include <criterion/criterion.h>

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

Test(stack, names_are_safe_file_names)
{
	static const char *const good[] = {"a",
					   "micro",
					   "l1vmm-quiet",
					   "9p",
					   "fee.1",
					   "corei7_skylake_x",
					   "abcdefghijklmnopqrstuvwxyz01234"};
	static const char *const bad[] = {
		"",	 ".",	"..",  "-x",	   "a/b",
		"Micro", "a b", "a\n", "\xc3\xa9", "abcdefghijklmnopqrstuvwxyz012345"};

	for (size_t i = 0; i < COUNT(good); i++)
		cr_expect(stack_valid_name(good[i]), "%s", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_not(stack_valid_name(bad[i]), "%s", bad[i]);
}

static struct stack parse(const char *text)
{
	struct vmfee_error err = {0};
	struct stack stack;

	cr_assert_eq(stack_parse(&stack, text, &err), 0, "%s: %s", text, err.text);
	return stack;
}

Test(stack, levels_come_bottom_to_top_with_their_command_lines)
{
	struct stack stack = parse("l1vmm telemetry=off  mmu=ept / l1vmm / micro only=cpuid,io");

	cr_expect_eq(stack.levels, 3);
	cr_expect_eq(stack_depth(&stack), 2);
	cr_expect_str_eq(stack.level[0].image, "l1vmm");
	cr_expect_str_eq(stack.level[0].cmdline, "telemetry=off  mmu=ept");
	cr_expect_str_eq(stack.level[1].image, "l1vmm");
	cr_expect_str_eq(stack.level[1].cmdline, "");
	cr_expect_str_eq(stack.level[2].image, "micro");
	cr_expect_str_eq(stack.level[2].cmdline, "only=cpuid,io");
}

Test(stack, a_slash_inside_a_word_is_no_level)
{
	struct stack stack = parse("  linux root=/dev/sda / micro\t");

	cr_expect_eq(stack.levels, 2);
	cr_expect_str_eq(stack.level[0].cmdline, "root=/dev/sda");
	cr_expect_str_eq(stack.level[1].image, "micro");
	cr_expect_str_eq(stack.level[1].cmdline, "");
}

static void expect_refused(const char *text, const char *why)
{
	struct vmfee_error err = {0};
	struct stack stack;

	cr_expect_eq(stack_parse(&stack, text, &err), -1, "%s", text);
	cr_expect_eq(err.status, VMFEE_USAGE, "%s", text);
	cr_expect_not_null(strstr(err.text, why), "%s: %s", text, err.text);
}

Test(stack, what_is_wrong_is_named)
{
	char long_line[STACK_MAX_CMDLINE + 16];

	expect_refused("", "level 0 of the stack names no image");
	expect_refused("/ micro", "level 0 of the stack names no image");
	expect_refused("l1vmm /", "level 1 of the stack names no image");
	expect_refused("l1vmm / / micro", "level 1 of the stack names no image");
	expect_refused("../etc/passwd", "'../etc/passwd' cannot be an image");
	expect_refused("l1vmm/micro", "'l1vmm/micro' cannot be an image");
	expect_refused("abcdefghijklmnopqrstuvwxyz0123456789", "longer than 31 characters");
	expect_refused("a / a / a / a / a / a / a / a / a", "at most 8 levels");

	memset(long_line, 'x', sizeof(long_line) - 1);
	long_line[sizeof(long_line) - 1] = '\0';
	memcpy(long_line, "micro ", 6);
	expect_refused(long_line, "longer than 255 characters");
	long_line[6 + STACK_MAX_CMDLINE] = '\0';
	cr_expect_eq(strlen(parse(long_line).level[0].cmdline), STACK_MAX_CMDLINE);
}

Test(stack, the_lowest_image_says_how_many_processors_the_machine_has)
{
	static const struct {
		const char *notation;
		unsigned cpus;
	} rows[] = {
		{"micro", 1},
		{"irq cpus=2 only=ipi", 2},
		{"l1vmm irq=posted cpus=8 / irq cpus=2", 8},
		{"l1vmm / irq cpus=2", 1},
		{"l1vmm cpus=0 / irq", 1},
		{"l1vmm cpus=9 / irq", 1},
		{"l1vmm cpus=many / irq", 1},
		{"l1vmm cpus=1234567890 / irq", 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stack stack = parse(rows[i].notation);

		cr_expect_eq(stack_cpus(&stack), rows[i].cpus, "%s", rows[i].notation);
	}
}
