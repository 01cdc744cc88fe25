#include "bench/lead.h"
#include "bench/plot_data.h"
#include "bench/report_matrix.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t ten[] = {10}, twenty[] = {20}, hundred[] = {110}, thousand[] = {1010};

/* Of the 100 ticks more, an exit takes 70 here, 10 of which each exit takes. */
static struct exit_sum one_exit[] = {{.reason = 10,
				      .component = FEE_EMULATION,
				      .count = 1,
				      .guest_ticks = 205,
				      .handled_ticks = 70,
				      .shortest = 10}};

static struct result_bench bare[] = {
	{.name = "empty", .ops = 1, .ticks = ten, .samples = 1},
	{.name = "cpuid", .ops = 1, .ticks = twenty, .samples = 1, .begin = 1000, .end = 1150},
	{.name = "vmcall", .ops = 1, .ticks = twenty, .samples = 1},
};
static struct result_bench old[] = {
	{.name = "empty", .ops = 1, .ticks = ten, .samples = 1},
	{.name = "cpuid", .ops = 1, .ticks = hundred, .samples = 1, .exit = one_exit, .exits = 1},
};
static struct result_bench deep[] = {
	{.name = "empty", .ops = 1, .ticks = ten, .samples = 1},
	{.name = "cpuid", .ops = 1, .ticks = thousand, .samples = 1, .exit = one_exit, .exits = 1},
	{.name = "vmcall", .ops = 1, .ticks = thousand, .samples = 1},
};

static struct result_stack stacks[] = {
	{.name = "native", .notation = "micro", .about = "a test", .bench = bare, .benches = 3},
	{.name = "plain", .notation = "l1vmm / micro", .depth = 1, .bench = old, .benches = 2},
	{.name = "way-1-gen1",
	 .notation = "l1vmm generation=gen1 / micro",
	 .depth = 1,
	 .bench = old,
	 .benches = 2},
	{.name = "way-1-gen2",
	 .notation = "l1vmm generation=gen2 mmu=ept:4k / micro",
	 .depth = 1,
	 .bench = bare,
	 .benches = 3},
	{.name = "way-2-gen3",
	 .notation = "l1vmm generation=gen3 nested=on / l1vmm / micro",
	 .depth = 2,
	 .bench = deep,
	 .benches = 3},
	/* Not the lowest: its generation says nothing of the stack. */
	{.name = "upper",
	 .notation = "l1vmm nested=on / l1vmm generation=gen1 / micro",
	 .depth = 2,
	 .bench = deep,
	 .benches = 3},
	/* The only one of its workload. */
	{.name = "lonely", .notation = "memory", .bench = bare, .benches = 3},
	{.name = "lonely-1",
	 .notation = "l1vmm generation=gen1 / memory",
	 .depth = 1,
	 .bench = old,
	 .benches = 2},
};
static struct results results = {
	.property = {{"unit", "steps"}}, .properties = 1, .stack = stacks, .stacks = COUNT(stacks)};

static struct matrix *make(void)
{
	struct vmfee_error err = {0};
	struct matrix *matrix = matrix_make(&results, &err);

	cr_assert_not_null(matrix, "%s", err.text);
	return matrix;
}

Test(matrix, it_has_the_stacks_whose_lowest_hypervisor_is_of_a_generation)
{
	struct matrix *matrix = make();
	const struct matrix_group *group = &matrix->group[0];

	cr_assert_eq(matrix->groups, 1);
	cr_expect_str_eq(group->name, "way");
	cr_expect_str_eq(group->about, "a test");
	cr_assert_eq(group->cells, 3);
	cr_expect_str_eq(group->cell[0].generation, "gen1");
	cr_expect_str_eq(group->cell[1].generation, "gen2 mmu=ept:4k");
	cr_expect_str_eq(group->cell[2].generation, "gen3");
	cr_expect_eq(group->deepest, 2);
	cr_assert_eq(group->benches, 1, "only cpuid is on every stack");
	cr_expect_str_eq(group->bench[0], "cpuid");
	cr_expect_eq(group->native_ticks, 10);
	free(matrix);
}

Test(matrix, fees_are_split_and_what_upper_hypervisors_run_is_told_apart)
{
	struct matrix *matrix = make();
	const struct matrix_cell *cell = matrix->group[0].cell;

	cr_expect_eq(cell[0].fee, 90);
	cr_expect_eq(cell[0].part[FEE_EMULATION], 60);
	cr_expect_eq(cell[0].part[FEE_TRANSITION], 30);
	cr_expect_eq(cell[0].upper, 0, "there is none above");
	cr_expect_eq(cell[1].fee, 0);
	/* 205 ticks of the guest's, of which the workload has 150. */
	cr_expect_eq(cell[2].fee, 990);
	cr_expect_eq(cell[2].upper, 55);
	cr_expect_eq(cell[2].part[FEE_TRANSITION], 990 - 60 - 55);
	free(matrix);
}

Test(matrix, of_its_cells_the_dearest_of_a_depth_is_looked_at)
{
	struct matrix *matrix = make();

	cr_expect(matrix_shows(matrix, &stacks[1]), "no cell");
	cr_expect(matrix_shows(matrix, &stacks[2]));
	cr_expect_not(matrix_shows(matrix, &stacks[3]), "without a fee");
	cr_expect(matrix_shows(matrix, &stacks[4]));
	cr_expect_eq(matrix_find(&matrix->group[0], "gen1", 1)->stack, &stacks[2]);
	cr_expect_null(matrix_find(&matrix->group[0], "gen1", 2));
	free(matrix);
}

static char *print(void)
{
	struct matrix *matrix = make();
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_eq(report_matrix(matrix, "steps", out, 100), 0);
	cr_assert_eq(report_matrix_ticks(matrix, "steps", out, 100), 0);
	fclose(out);
	free(matrix);
	return text;
}

Test(matrix, the_report_has_a_row_for_each_cell)
{
	char *text = print();

	cr_expect_str_eq(
		text,
		"\nThe fee by generation and depth, steps for one operation of each benchmark:\n\n"
		"  workload  levels  with             fee  transition  emulation  upper\n"
		"  --------------------------------------------------------------------\n"
		"  way            1  gen1              90          30         60      -\n"
		"  way            1  gen2 mmu=ept:4k    0           -          -      -\n"
		"  way            2  gen3             990         875         60     55\n"
		"Levels are hypervisors under the workload; `upper` is what those above the lowest "
		"run themselves.\n"
		"way: a test.\n"
		"\nway by generation and depth, steps per operation:\n\n"
		"  levels  with              cpuid\n"
		"  -------------------------------\n"
		"       0  native             10.0\n"
		"       1  gen1              100.0\n"
		"       1  gen2 mmu=ept:4k    10.0\n"
		"       2  gen3             1000.0\n");
	free(text);
}

static void take(const char *text, void *into)
{
	strcat(into, text);
	strcat(into, "\n");
}

/* The matrix as if what has a switch of its own were gen2. */
static struct matrix *make_pure(void)
{
	struct matrix *matrix = make();

	snprintf(matrix->group[0].cell[1].generation, STACK_MAX_NAME, "gen2");
	return matrix;
}

Test(lead, it_answers_in_a_paragraph)
{
	struct matrix *matrix = make_pure();
	struct vmfee_error err = {0};
	char text[2048];

	cr_assert_eq(lead_answer(&results, matrix, text, sizeof(text), &err), 0);
	cr_expect_str_eq(
		text,
		"The fee is what work takes more under a hypervisor than on the bare machine, here in "
		"steps. Under one hypervisor on gen1 (VT-x alone) it is 90 for way, 67 % of that "
		"emulation (instructions that the hypervisor executes for the guest). With all that "
		"gen2 has, 0 % of it is left for way. Under two hypervisors it is 990 for way, 88 % of "
		"that transition (saving and restoring state on the way to and from a handler).");
	cr_assert_eq(lead_answer(&results, matrix, text, 20, &err), 0);
	cr_expect_str_eq(text, "The fee is what wor", "no more than there is room for");
	free(matrix);
}

Test(lead, it_tells_of_each_workload)
{
	struct matrix *matrix = make_pure();
	char text[2048] = "";

	lead_each(&results, matrix, take, text);
	cr_expect_str_eq(
		text,
		"Way (a test) take 10 steps on the bare machine. On gen1 (VT-x alone) one hypervisor "
		"adds 90: 67 % emulation (instructions that the hypervisor executes for the guest), "
		"33 % transition (saving and restoring state on the way to and from a handler); gen2 "
		"(EPT and VPID) pays back all of that. On gen3 two hypervisors add 990: 88 % "
		"transition. Of what the lowest one spends on exits, 100 % goes to CPUID.\n");
	free(matrix);
}

Test(lead, without_generations_it_answers_for_each_stack)
{
	struct matrix none = {.groups = 0};
	struct vmfee_error err = {0};
	char text[2048];

	cr_assert_eq(lead_answer(&results, &none, text, sizeof(text), &err), 0);
	cr_expect_not_null(strstr(text, " On plain one operation of each of 2 benchmarks takes 90 "
					"more: 67 % emulation ("),
			   "%s", text);
}

static char *write_data(unsigned (*write)(const struct matrix *matrix, FILE *out), unsigned shown)
{
	struct matrix *matrix = make_pure();
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_expect_eq(write(matrix, out), shown);
	fclose(out);
	free(matrix);
	return text;
}

static unsigned write_first_group(const struct matrix *matrix, FILE *out)
{
	return plot_data_generations(&matrix->group[0], out);
}

Test(matrix, figures_have_a_block_for_each_depth)
{
	char *text = write_data(write_first_group, 2);

	cr_expect_str_eq(
		text,
		"generation,hypervisors,transition,emulation,interrupt,memory,timer,duplication,upper\n"
		"gen1,1,30,60,0,0,0,0,0\n"
		"gen2,1,0,0,0,0,0,0,0\n"
		"\n\n"
		"generation,hypervisors,transition,emulation,interrupt,memory,timer,duplication,upper\n"
		"gen3,2,875,60,0,0,0,0,55\n");
	free(text);
}

Test(matrix, figures_say_what_each_generation_pays_back)
{
	char *text = write_data(plot_data_assists, 2);

	cr_expect_str_eq(text,
			 "workload and hypervisors,\"gen2: EPT and VPID\",\"gen2a: APICv with "
			 "posted interrupts\",\"gen3: VMCS shadowing\"\n"
			 "\"way, 1\",100,,\n"
			 "\"way, 2\",,,\n");
	free(text);
}

Test(matrix, figures_follow_a_benchmark_up)
{
	char *text = write_data(plot_data_growth, 1);

	cr_expect_str_eq(text, "\"cpuid\"\n0 10\n1 10\n2 1000\n");
	free(text);
}
