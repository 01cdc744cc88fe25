#include "bench/experiment.h"
#include "bench/platform.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/bench_rig.h"

/* A folder with the images l1vmm and micro, and an experiment in it. */
static char folder[PATH_MAX];
static char path[PATH_MAX];

static void set_up(void)
{
	rig_folder(folder);
	rig_file(folder, "l1vmm.elf", "", path);
	rig_file(folder, "micro.elf", "", path);
}

static void tear_down(void)
{
	rundir_remove_tree(folder);
}

TestSuite(experiment, .init = set_up, .fini = tear_down);

static struct experiment experiment;

static int load(const char *text, struct vmfee_error *err)
{
	rig_file(folder, "fee.ini", text, path);
	return experiment_load(&experiment, path, folder, folder, err);
}

Test(experiment, a_file_becomes_a_machine_and_its_stacks)
{
	struct vmfee_error err = {0};

	cr_assert_eq(load("; comment\n"
			  "[experiment]\n"
			  "title = What it costs\n"
			  "memory = 512\n"
			  "watchdog=7\n"
			  "[stack native]\n"
			  "levels = micro\n"
			  "\n"
			  "[stack l1vmm]\n"
			  "levels = l1vmm / micro only=cpuid\n"
			  "[stack quiet]\n"
			  "probe_of = l1vmm\n"
			  "levels = l1vmm telemetry=off / micro\n",
			  &err),
		     0, "%s", err.text);
	cr_expect_str_eq(experiment.name, "fee");
	cr_expect_str_eq(experiment.title, "What it costs");
	cr_expect_str_eq(experiment.platform, "bochs");
	cr_expect_str_eq(experiment.cpu, "corei7_skylake_x");
	cr_expect_eq(experiment.memory, 512);
	cr_expect_eq(experiment.watchdog, 7);
	cr_expect_eq(experiment.outbox, 32);
	cr_assert_eq(experiment.stacks, 3);
	cr_expect_str_eq(experiment.stack[1].name, "l1vmm");
	cr_expect_str_eq(experiment.stack[1].notation, "l1vmm / micro only=cpuid");
	cr_expect_eq(experiment.stack[1].stack.levels, 2);
	cr_expect_str_eq(experiment.stack[2].probe_of, "l1vmm");
	cr_expect_eq(experiment_stack(&experiment, "quiet"), &experiment.stack[2]);
	cr_expect_null(experiment_stack(&experiment, "loud"));
}

Test(experiment, several_emulated_processors_have_another_tick)
{
	struct vmfee_error err = {0};

	cr_assert_eq(load("[experiment]\ntitle = t\n[stack a]\nlevels = l1vmm / micro\n", &err), 0);
	cr_expect_eq(experiment_platform(&experiment), platform_find("bochs"));
	cr_assert_eq(load("[experiment]\ntitle = t\n[stack a]\nlevels = micro\n"
			  "[stack b]\nlevels = l1vmm cpus=2 / micro\n",
			  &err),
		     0);
	cr_expect_str_eq(experiment_platform(&experiment)->unit, "ticks");
	cr_expect_str_eq(experiment_platform(&experiment)->name, "bochs");
	cr_expect_eq(platform_with("kvm", 2), platform_find("kvm"));
}

#define GOOD  "[experiment]\ntitle = t\n"
#define STACK "[stack a]\nlevels = micro\n"

Test(experiment, what_is_wrong_is_named_with_its_line)
{
	static const struct {
		const char *text;
		int line;
		const char *why;
	} rows[] = {
		{"", 1, "[experiment] has no title"},
		{GOOD, 2, "no [stack NAME]"},
		{STACK, 2, "[experiment] has no title"},
		{"title = t\n", 1, "unknown section []"},
		{GOOD "colour = red\n" STACK, 3,
		 "unknown key 'colour' in [experiment]; there are: title, platform, cpu, memory, "
		 "watchdog, outbox"},
		{GOOD "[machine]\nx = 1\n", 4, "unknown section [machine]"},
		{GOOD "[machine]\n" STACK, 3, "no keys"},
		{GOOD STACK "[stack b]\n", 5, "no keys"},
		{GOOD "memory = 15\n", 3,
		 "memory = '15' is not possible; it is a number of MiB "
		 "from 16 to 3071"},
		{GOOD "memory = 3072\n", 3, "not possible"},
		{GOOD "memory = 256x\n", 3, "not possible"},
		{GOOD "memory = -1\n", 3, "not possible"},
		{GOOD "memory =\n", 3, "not possible"},
		{GOOD "memory = 99999999999999999999\n", 3, "not possible"},
		{GOOD "watchdog = 0\n", 3, "million ticks from 1 to 1000000"},
		{GOOD "platform = vax\n", 3, "platform = 'vax' is not possible; it is bochs"},
		{GOOD "cpu = x;y\n", 3, "cpu"},
		{GOOD "title = again\n", 3, "'title' is given twice"},
		{GOOD "\t[experiment]\nmemory = 64\n" STACK, 4,
		 "[experiment] is already on line 1"},
		{GOOD "  colour = red\n" STACK, 3, "unknown key 'colour' in [experiment]"},
		{GOOD "just words\n" STACK, 3, "neither a [section] nor 'key = value'"},
		{GOOD "[stack a\nlevels = micro\n", 3, "a section without its ]"},
		{GOOD "[stack A]\nlevels = micro\n", 4, "'A' cannot be the name of a stack"},
		{GOOD "[stack plots]\nlevels = micro\n", 4,
		 "'plots' cannot be the name of a stack: every run has a file of that name"},
		{GOOD "[stack results.db]\nlevels = micro\n", 4, "every run has a file"},
		{GOOD "[stack a]\ncolour = red\n", 4,
		 "unknown key 'colour' in [stack a]; there are: levels, probe_of, about, platform"},
		{GOOD "[stack a]\nplatform = vax\n", 4,
		 "platform = 'vax' is not possible; it is bochs, bochs-kvm or kvm"},
		{GOOD "[stack a]\nabout = a\nabout = b\n", 5, "'about' is given twice"},
		{GOOD "[stack a]\nlevels = l1vmm / mirco\n", 4,
		 "no image 'mirco' in build/images; there are: l1vmm, micro"},
		{GOOD "[stack a]\nlevels = l1vmm /\n", 4, "level 1 of the stack names no image"},
		{GOOD "[stack a]\nlevels = micro\nlevels = micro\n", 5, "'levels' is given twice"},
		{GOOD STACK STACK, 6, "[stack a] is already on line 3"},
		{GOOD "[stack a]\nprobe_of = b\n", 3, "[stack a] has no levels"},
		{GOOD "[stack a]\nlevels = micro {x,y\n", 4, "'{' without its '}'"},
		{GOOD "[stack a]\nlevels = micro {x,y}\nlevels = micro\n", 5,
		 "'levels' is given twice"},
		{GOOD "[stack a]\nlevels = micro {x,x}\n", 3, "there are two stacks 'a-x'"},
		{GOOD "[stack a-x]\nlevels = micro\n[stack a]\nlevels = micro {x,y}\n", 5,
		 "there are two stacks 'a-x'"},
		{GOOD "[stack a-name-of-its-own]\nlevels = micro {x,much-too-long-}\n", 4,
		 "'a-name-of-its-own-much-too-long-' is no name for a stack"},
		{GOOD "[stack a]\nlevels = {micro,mirco}\n", 4, "no image 'mirco'"},
		{GOOD STACK "[stack b]\nlevels = micro\nprobe_of = c\n", 5,
		 "probe_of = 'c' names no stack of the tables"},
		{GOOD STACK "[stack b]\nlevels = micro\nprobe_of = b\n", 5,
		 "probe_of = 'b' names no stack of the tables"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmfee_error err = {0};
		char where[PATH_MAX + 16];
		cr_expect_eq(load(rows[i].text, &err), -1, "%s", rows[i].text);
		cr_expect_eq(err.status, VMFEE_USAGE, "%s", rows[i].text);
		snprintf(where, sizeof(where), "%s:%d: ", path, rows[i].line);
		cr_expect_eq(strncmp(err.text, where, strlen(where)), 0, "%s: %s", rows[i].text,
			     err.text);
		cr_expect_not_null(strstr(err.text, rows[i].why), "%s: %s", rows[i].text, err.text);
	}
}

Test(experiment, a_line_that_inih_would_cut_is_refused)
{
	struct vmfee_error err = {0};
	char text[512] = GOOD "[stack a]\nlevels = micro ";

	memset(text + strlen(text), 'x', 250);
	cr_expect_eq(load(text, &err), 0 - 1);
	cr_expect_not_null(strstr(err.text, ":4: the line is longer than"), "%s", err.text);
}

Test(experiment, blanks_before_a_line_mean_nothing)
{
	struct vmfee_error err = {0};

	cr_assert_eq(
		load("[experiment]\n  title = t\n\tmemory = 64\n [stack a]\n  levels = micro\n",
		     &err),
		0, "%s", err.text);
	cr_expect_eq(experiment.memory, 64);
	cr_expect_str_eq(experiment.stack[0].notation, "micro");
}

Test(experiment, a_zero_byte_is_refused_wherever_it_stands)
{
	static const char text[] = GOOD "[stack a]\nlevels = micro\0\n";

	for (size_t end = 1; end <= 2; end++) {
		struct vmfee_error err = {0};
		rig_file(folder, "fee.ini", "", path);
		FILE *file = fopen(path, "w");
		cr_assert_not_null(file);
		fwrite(text, 1, sizeof(text) - end, file);
		fclose(file);
		cr_expect_eq(experiment_load(&experiment, path, folder, folder, &err), -1);
		cr_expect_not_null(strstr(err.text, ":4: the line has a zero byte"), "%s",
				   err.text);
	}
}

Test(experiment, a_section_may_be_a_matrix)
{
	static const char *const wanted[][3] = {
		{"native", "micro", ""},
		{"l1vmm-ept-a", "l1vmm mmu=ept / micro only=a", ""},
		{"l1vmm-ept-b", "l1vmm mmu=ept / micro only=b", ""},
		{"l1vmm-shadow-trap-a", "l1vmm mmu=shadow:trap / micro only=a", ""},
		{"l1vmm-shadow-trap-b", "l1vmm mmu=shadow:trap / micro only=b", ""},
		{"quiet-ept-a", "l1vmm mmu=ept telemetry=off / micro only=a", "l1vmm-ept-a"},
		{"quiet-ept-b", "l1vmm mmu=ept telemetry=off / micro only=b", "l1vmm-ept-b"},
		{"other-x", "l1vmm x / micro", "l1vmm-ept-a"},
		{"other-y", "l1vmm y / micro", "l1vmm-ept-a"},
	};
	struct vmfee_error err = {0};

	cr_assert_eq(load(GOOD "[stack native]\nlevels = micro\n"
			       "[stack l1vmm]\n"
			       "levels = l1vmm mmu={ept,shadow:trap} / micro only={a,b}\n"
			       "[stack quiet]\nprobe_of = l1vmm\n"
			       "levels = l1vmm mmu={ept} telemetry=off / micro only={a,b}\n"
			       "[stack other]\nlevels = l1vmm {x,y} / micro\n"
			       "probe_of = l1vmm-ept-a\nabout = others\n",
			  &err),
		     0, "%s", err.text);
	cr_assert_eq(experiment.stacks, sizeof(wanted) / sizeof(wanted[0]));
	for (unsigned i = 0; i < experiment.stacks; i++) {
		cr_expect_str_eq(experiment.stack[i].name, wanted[i][0]);
		cr_expect_str_eq(experiment.stack[i].notation, wanted[i][1]);
		cr_expect_str_eq(experiment.stack[i].probe_of, wanted[i][2]);
	}
	cr_expect_str_eq(experiment.stack[3].stack.level[0].cmdline, "mmu=shadow:trap");
	cr_expect_str_eq(experiment.stack[8].about, "others");
}

Test(experiment, too_many_stacks_are_refused)
{
	struct vmfee_error err = {0};
	char *text = malloc(65536);
	size_t used = (size_t)sprintf(text, GOOD);

	for (int i = 0; i <= EXPERIMENT_MAX_STACKS; i++)
		used += (size_t)sprintf(text + used, "[stack s%d]\nlevels = micro\n", i);
	cr_expect_eq(load(text, &err), -1);
	cr_expect_not_null(strstr(err.text, "at most 64 stacks"), "%s", err.text);
	free(text);

	err = (struct vmfee_error){0};
	cr_expect_eq(
		load(GOOD "[stack a]\nlevels = micro {a,b,c,d,e,f,g,h,i}{a,b,c,d,e,f,g,h}\n", &err),
		-1);
	cr_expect_not_null(strstr(err.text, "at most 64 stacks"), "%s", err.text);
}

Test(experiment, a_file_that_cannot_be_read_or_named_is_refused)
{
	struct vmfee_error err = {0};

	cr_expect_eq(experiment_load(&experiment, "/nowhere/fee.ini", folder, folder, &err), -1);
	cr_expect_eq(err.status, VMFEE_USAGE);
	cr_expect_str_eq(err.text, "/nowhere/fee.ini: No such file or directory");

	err = (struct vmfee_error){0};
	cr_expect_eq(experiment_load(&experiment, "/proc", folder, folder, &err), -1);
	cr_expect_str_eq(err.text, "/proc: Is a directory");

	/* results/fee.1 is an older run of fee. */
	err = (struct vmfee_error){0};
	cr_expect_eq(experiment_load(&experiment, "/nowhere/fee.1.ini", folder, folder, &err), -1);
	cr_expect_not_null(strstr(err.text, "'fee.1' cannot name an experiment"), "%s", err.text);
}

Test(experiment, the_command_line_overrides_within_the_same_limits)
{
	struct vmfee_error err = {0};

	cr_assert_eq(load(GOOD STACK, &err), 0, "%s", err.text);
	cr_expect_eq(experiment_override(&experiment, "memory", "64", &err), 0);
	cr_expect_eq(experiment.memory, 64);
	cr_expect_eq(experiment_override(&experiment, "memory", "1", &err), -1);
	cr_expect_eq(err.status, VMFEE_USAGE);
	cr_expect_eq(experiment.memory, 64);
	err = (struct vmfee_error){0};
	cr_expect_eq(experiment_override(&experiment, "nonsense", "1", &err), -1);
}

Test(experiment, what_is_for_another_platform_is_left_out)
{
	struct vmfee_error err = {0};

	cr_assert_eq(load(GOOD STACK "[stack b]\nlevels = l1vmm / micro\nplatform = bochs\n"
				     "about = what it does\n"
				     "[stack c]\nlevels = micro\nplatform = bochs\n",
			  &err),
		     0, "%s", err.text);
	cr_expect_str_eq(experiment.stack[1].about, "what it does");
	cr_assert_eq(experiment_settle(&experiment, &err), 0);
	cr_expect_eq(experiment.stacks, 3);
	cr_expect_str_empty(experiment.left_out);

	cr_assert_eq(experiment_override(&experiment, "platform", "bochs-kvm", &err), 0);
	cr_assert_eq(experiment_settle(&experiment, &err), 0, "%s", err.text);
	cr_assert_eq(experiment.stacks, 1);
	cr_expect_str_eq(experiment.stack[0].name, "a");
	cr_expect_str_eq(experiment.left_out, "b and 1 more, which are for the platform bochs");
}

Test(experiment, something_has_to_be_left)
{
	struct vmfee_error err = {0};

	cr_assert_eq(load(GOOD STACK "platform = kvm\n", &err), 0, "%s", err.text);
	cr_expect_eq(experiment_settle(&experiment, &err), -1);
	cr_expect_eq(err.status, VMFEE_USAGE);
	cr_expect_str_eq(err.text, "no stack of fee is for the platform bochs");
}
