#include "bench/choice.h"

#include <criterion/criterion.h>

#include <string.h>

static void expect_cell(const char *notation, unsigned number, const char *levels,
			const char *suffix)
{
	struct vmfee_error err = {0};
	char cell[64];
	char name[32];

	cr_assert_eq(choice_cell(notation, number, cell, sizeof(cell), name, sizeof(name), &err), 0,
		     "%s", err.text);
	cr_expect_str_eq(cell, levels);
	cr_expect_str_eq(name, suffix);
}

static int cells(const char *notation)
{
	struct vmfee_error err = {0};
	int count = choice_cells(notation, &err);

	cr_expect_gt(count, 0, "%s", err.text);
	return count;
}

Test(choice, levels_without_a_choice_are_one_stack)
{
	cr_expect_eq(cells("l1vmm / micro only=a,b"), 1);
	expect_cell("l1vmm / micro only=a,b", 0, "l1vmm / micro only=a,b", "");
}

Test(choice, choices_make_all_combinations_the_last_changing_first)
{
	static const char notation[] = "l1vmm mmu={ept,shadow:trap} tlb={flush,vpid,x} / micro";

	cr_assert_eq(cells(notation), 6);
	expect_cell(notation, 0, "l1vmm mmu=ept tlb=flush / micro", "-ept-flush");
	expect_cell(notation, 1, "l1vmm mmu=ept tlb=vpid / micro", "-ept-vpid");
	expect_cell(notation, 2, "l1vmm mmu=ept tlb=x / micro", "-ept-x");
	expect_cell(notation, 3, "l1vmm mmu=shadow:trap tlb=flush / micro", "-shadow-trap-flush");
	expect_cell(notation, 5, "l1vmm mmu=shadow:trap tlb=x / micro", "-shadow-trap-x");
}

Test(choice, a_choice_may_be_of_anything)
{
	cr_assert_eq(cells("{l1vmm / ,l1vmm a=1 / }micro"), 2);
	expect_cell("{l1vmm / ,l1vmm a=1 / }micro", 1, "l1vmm a=1 / micro", "-l1vmm-a-1---");
	cr_assert_eq(cells("micro {only=cpuid}"), 1);
	expect_cell("micro {only=cpuid}", 0, "micro only=cpuid", "-only-cpuid");
}

Test(choice, what_is_no_choice_is_said)
{
	static const struct {
		const char *notation, *why;
	} cases[] = {
		{"micro {a,b", "'{' without its '}'"},
		{"micro {a,{b,c}}", "'{' without its '}'"},
		{"micro a}", "'}' without its '{'"},
		{"micro {}", "an empty alternative in {}"},
		{"micro {a,}", "an empty alternative in {a,}"},
		{"micro {,a}", "an empty alternative in {,a}"},
		{"micro {a,,b}", "an empty alternative in {a,,b}"},
		{"{a}{a}{a}{a}{a}{a}{a}{a}{a}", "more than 8 choices"},
		{"{a,b,c,d,e,f}{a,b,c,d,e,f}{a,b,c,d,e,f}{a,b,c,d,e,f}", "stands for 1296 stacks"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vmfee_error err = {0};
		cr_expect_eq(choice_cells(cases[i].notation, &err), -1, "%s", cases[i].notation);
		cr_expect_eq(err.status, VMFEE_USAGE);
		cr_expect_not_null(strstr(err.text, cases[i].why), "%s", err.text);
	}
}

Test(choice, a_cell_that_does_not_fit_is_refused)
{
	struct vmfee_error err = {0};
	char cell[8];
	char name[4];

	cr_expect_eq(choice_cell("micro {a}", 0, cell, 7, name, sizeof(name), &err), -1);
	cr_expect_not_null(strstr(err.text, "levels has more than 6 characters"), "%s", err.text);
	err = (struct vmfee_error){0};
	cr_expect_eq(choice_cell("micro {a}", 0, cell, 8, name, 2, &err), -1);
	cr_expect_not_null(strstr(err.text, "name of a cell has more than 1 char"), "%s", err.text);
	err = (struct vmfee_error){0};
	cr_expect_eq(choice_cell("micro {a}", 0, cell, 8, name, 3, &err), 0, "%s", err.text);
}
