#include "bench/csv.h"
#include "bench/plot_data.h"
#include "bench/report.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "bench/project.h"
#include "tests/unit/bench_rig.h"
#include "tests/unit/bench_run.h"

static char folder[PATH_MAX];
static struct results results;
static char *text;
static size_t size;
static FILE *out;

static void set_up(void)
{
	rig_folder(folder);
	bench_run(folder, &results);
	out = open_memstream(&text, &size);
}

static void tear_down(void)
{
	results_free(&results);
	rundir_remove_tree(folder);
	free(text);
}

TestSuite(report, .init = set_up, .fini = tear_down);

static const char report[] =
	"fee: What it costs\n"
	"bochs 3.0, model. One tick is one instruction: not a time.\n"
	"Natively: native (micro).\n"
	"\n"
	"l1vmm (l1vmm / micro), instructions per operation:\n"
	"\n"
	"  benchmark  native  l1vmm    fee  exits/op  exits per operation\n"
	"  --------------------------------------------------------------\n"
	"  empty         0.0    0.0    0.0      0.00  -\n"
	"  cpuid         2.0  104.0  102.0      1.00  CPUID 1\n"
	"  vmcall          -  100.0      -      1.00  VMCALL 1\n"
	"  io            1.0  103.0  102.0      1.50  IO_INSTRUCTION 1.5!\n"
	"  walk          4.0    4.0    0.0      0.00  -\n"
	"! io: 2 exits IO_INSTRUCTION expected by the guest, 3 in the trace\n"
	"\n"
	"Where the fee of l1vmm went, instructions per operation:\n"
	"\n"
	"  benchmark                   fee  transition  emulation\n"
	"  ------------------------------------------------------\n"
	"  cpuid                     102.0        72.0       30.0\n"
	"  io                        102.0       102.0          -\n"
	"  all, one operation each   204.0       174.0       30.0\n"
	"  share                    100.0%       85.3%      14.7%\n"
	"A fee is a median; components are charged means, and transition the rest.\n"
	"Without a fee: empty, walk\n"
	"Left out, as one of the two stacks has no such operation: vmcall\n"
	"\n"
	"All exits of l1vmm, with what one of them takes on average:\n"
	"\n"
	"  reason          exits  handled  vmreads  vmwrites\n"
	"  -------------------------------------------------\n"
	"  CPUID               9     87.8      3.0       1.0\n"
	"  VMCALL              2     80.0      3.0       1.0\n"
	"  IO_INSTRUCTION      3     60.0      3.0       1.0\n"
	"The trace holds 14 exits; 3 more were lost.\n"
	"\n"
	"How long L0 took for the exits of l1vmm, in instructions:\n"
	"\n"
	"  reason          component  samples  samples%   time%  min  median  p99  max  mean  "
	"deviation\n"
	"  ------------------------------------------------------------------------------------"
	"--------\n"
	"  CPUID           emulation        9    64.29%  69.91%   70      90   90   90  87.8        6.3\n"
	"  IO_INSTRUCTION  emulation        3    21.43%  15.93%   60      60   60   60  60.0        0.0\n"
	"  VMCALL          emulation        2    14.29%  14.16%   80      80   80   80  80.0        0.0\n"
	"14 samples, 1130 instructions; 3 samples lost.\n"
	"Telemetry's own share of an exit, in instructions: cpuid 30.0, vmcall 30.0, at most 30.0 "
	"(cpuid).\n";

Test(report, every_number_of_it_can_be_checked_by_hand)
{
	struct vmfee_error err = {0};

	cr_assert_eq(report_write(&results, out, REPORT_WIDTH, &err), 0, "%s", err.text);
	fclose(out);
	cr_expect_str_eq(text, report, "got:\n%s", text);
}

Test(report, no_line_is_wider_than_the_page)
{
	struct vmfee_error err = {0};

	cr_assert_eq(report_write(&results, out, 60, &err), 0, "%s", err.text);
	fclose(out);
	/* Latencies have as many columns as people expect of them. */
	char *wide = strstr(text, "\n  reason          component");
	cr_assert_not_null(wide);
	char *behind = strstr(wide, "\n14 samples");
	memmove(wide, behind, strlen(behind) + 1);
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		cr_expect_leq(strcspn(line, "\n"), 60, "%.*s", (int)strcspn(line, "\n"), line);
}

Test(report, what_is_saved_is_what_is_printed)
{
	struct vmfee_error err = {0};
	char path[PATH_MAX];

	fclose(out);
	cr_assert_eq(project_path(path, folder, "report", ".txt", &err), 0);
	cr_assert_eq(report_save(&results, path, &err), 0, "%s", err.text);
	char *saved = rig_read(path);
	cr_expect_str_eq(saved, report);
	free(saved);

	cr_expect_eq(report_save(&results, "/dev/full", &err), -1);
	cr_expect_eq(err.status, VMFEE_DISK);
	cr_expect_str_eq(err.text, "/dev/full: No space left on device");
}

Test(report, a_disagreement_is_an_error_of_its_own)
{
	struct vmfee_error err = {0};

	fclose(out);
	cr_expect_eq(report_check(&results, &err), -1);
	cr_expect_eq(err.status, VMFEE_SYSTEM);
	cr_expect_str_eq(err.text, "the trace disagrees with the guest: stack l1vmm, benchmark io: "
				   "2 exits IO_INSTRUCTION expected, 3 in the trace");

	err = (struct vmfee_error){0};
	results.stack[1].bench[3].exit[0].count = 2;
	cr_expect_eq(report_check(&results, &err), 0, "%s", err.text);
}

Test(report, a_native_stack_alone_has_a_table)
{
	struct vmfee_error err = {0};
	size_t stacks = results.stacks;

	results.stacks = 1;
	cr_assert_eq(report_write(&results, out, REPORT_WIDTH, &err), 0, "%s", err.text);
	results.stacks = stacks;
	fclose(out);
	cr_expect_not_null(strstr(text, "\n  benchmark  native  exits/op  exits per operation\n"),
			   "%s", text);
	cr_expect_not_null(strstr(text, "\n  cpuid         2.0         -  -\n"), "%s", text);
	cr_expect_null(strstr(text, "Where the fee"), "%s", text);
	cr_expect_null(strstr(text, "Natively"), "%s", text);
}

Test(report, csv_has_a_row_per_benchmark_and_stack)
{
	static const char *const lines[] = {
		"benchmark,stack,depth,ops,ticks_per_op,exits_per_op,fee_per_op,ticks_per_op_low,"
		"ticks_per_op_high,samples,min,median,max,mad,component,transition,emulation,"
		"interrupt,memory,timer,duplication,telemetry_per_exit,exits\n",
		"\nempty,native,0,1,0,0,,0,1,4,10,10,11,0,transition,,,,,,,,\n",
		"\ncpuid,native,0,2,2,0,,2,2,4,14,14,14,0,emulation,,,,,,,,\n",
		"\ncpuid,l1vmm,1,2,104,1,102,104,109,4,220,220,230,0,emulation,72,30,0,0,0,0,30,"
		"CPUID:1\n",
		"\nvmcall,l1vmm,1,1,100,1,,100,100,2,112,112,112,0,emulation,,,,,,,30,VMCALL:1\n",
		"\nio,l1vmm,1,1,103,1.5,102,103,103,2,115,115,115,0,emulation,102,0,0,0,0,0,20,"
		"IO_INSTRUCTION:1.5\n",
		"\ncpuid,quiet,1,2,74,,72,74,74,4,160,160,160,0,emulation,0,72,0,0,0,0,,\n",
	};
	struct vmfee_error err = {0};
	unsigned rows = 0;

	cr_assert_eq(csv_write(&results, out, &err), 0, "%s", err.text);
	fclose(out);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_expect_not_null(strstr(text, lines[i]), "missing: %s in:\n%s", lines[i], text);
	for (const char *c = text; *c != '\0'; c++)
		rows += *c == '\n';
	cr_expect_eq(rows, 1 + 4 + 5 + 5);
}

Test(report, figures_have_their_data)
{
	struct vmfee_error err = {0};
	struct analysis analysis;

	cr_assert_eq(analyse(&analysis, &results, &results.stack[1], &err), 0);
	cr_expect_eq(plot_data_ticks(&analysis, out), 4);
	fputs("--\n", out);
	cr_expect_eq(plot_data_components(&analysis, out), 4);
	fputs("--\n", out);
	cr_expect_eq(plot_data_spread(&analysis, out), 1);
	fclose(out);
	cr_expect_str_eq(text,
			 "benchmark,native,l1vmm\n"
			 "empty,0,0\n"
			 "cpuid,2,104\n"
			 "vmcall,,100\n"
			 "io,1,103\n"
			 "walk,4,4\n"
			 "--\n"
			 "benchmark,transition,emulation,interrupt,memory,timer,duplication\n"
			 "empty,0,0,0,0,0,0\n"
			 "cpuid,72,30,0,0,0,0\n"
			 "io,102,0,0,0,0,0\n"
			 "walk,0,0,0,0,0,0\n"
			 "--\n"
			 "\"cpuid\"\n"
			 "1 0\n"
			 "1 0.75\n"
			 "1.045454545 1\n",
			 "%s", text);
	analysis_free(&analysis);
}

Test(report, the_figure_of_latencies_has_a_block_for_each_row)
{
	struct vmfee_error err = {0};
	struct analysis analysis;

	cr_assert_eq(analyse(&analysis, &results, &results.stack[1], &err), 0);
	cr_expect_eq(plot_data_latency(&analysis, out), 3);
	fclose(out);
	cr_expect_str_eq(text,
			 "\"L0 CPUID emulation\"\n70 0\n70 0.1111111111\n90 1\n\n\n"
			 "\"L0 VMCALL emulation\"\n80 0\n80 1\n\n\n"
			 "\"L0 IO_INSTRUCTION emulation\"\n60 0\n60 1\n",
			 "%s", text);
	analysis_free(&analysis);
}

Test(report, the_figure_of_stacks_adds_up_what_all_of_them_have)
{
	cr_expect_eq(plot_data_stacks(&results, out), 0, "one stack is not several");
	results.stack[2].probe_of[0] = '\0';
	cr_expect_eq(plot_data_stacks(&results, out), 2);
	fclose(out);
	/* cpuid, io, empty and walk; vmcall has no fee. */
	cr_expect_str_eq(text,
			 "stack,transition,emulation,interrupt,memory,timer,duplication\n"
			 "l1vmm,174,30,0,0,0,0\n"
			 "quiet,0,144,0,0,0,0\n",
			 "%s", text);
}

Test(report, the_figure_of_levels_has_what_each_took_itself)
{
	static struct level_node paths[] = {
		{.parent = LEVELS_NO_NODE, .window = 1, .level = 1, .reason = 10, .own_ticks = 160},
		{.parent = 0, .window = 1, .level = 0, .reason = 23, .own_ticks = 300},
		{.parent = 0, .window = 1, .level = 0, .reason = 24, .own_ticks = 20},
		{.parent = LEVELS_NO_NODE, .window = EXITS_OUTSIDE, .level = 1, .own_ticks = 999},
	};
	struct vmfee_error err = {0};
	struct analysis analysis;

	cr_assert_eq(analyse(&analysis, &results, &results.stack[1], &err), 0);
	cr_expect_eq(plot_data_levels(&analysis, out), 0, "one level is not several");
	fputs("--\n", out);
	results.stack[1].path = paths;
	results.stack[1].paths = 4;
	cr_expect_eq(plot_data_levels(&analysis, out), 4);
	results.stack[1].path = NULL;
	results.stack[1].paths = 0;
	fclose(out);
	cr_expect_str_eq(text,
			 "benchmark,L0,rest\n--\n"
			 "benchmark,L0,L1,rest\n"
			 "cpuid,40,20,44\n"
			 "vmcall,0,0,100\n"
			 "io,0,0,103\n"
			 "walk,0,0,4\n",
			 "%s", text);
	analysis_free(&analysis);
}

Test(report, a_figure_without_anything_to_show_is_not_drawn)
{
	struct vmfee_error err = {0};
	struct analysis analysis;

	cr_assert_eq(analyse(&analysis, &results, &results.stack[0], &err), 0);
	cr_expect_eq(plot_data_components(&analysis, out), 0, "a native stack has no fee");
	for (size_t i = 0; i < analysis.rows; i++)
		analysis.row[i].ticks = 0;
	cr_expect_eq(plot_data_ticks(&analysis, out), 0, "a logarithm of 0 is none");
	fclose(out);
	analysis_free(&analysis);
}
