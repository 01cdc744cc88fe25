#include "bench/export.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "bench/project.h"
#include "tests/unit/bench_rig.h"
#include "tests/unit/bench_run.h"

static char folder[PATH_MAX];
static char database[PATH_MAX];
static struct results results;

static void set_up(void)
{
	struct vmfee_error err = {0};

	rig_folder(folder);
	bench_run(folder, &results);
	cr_assert_eq(project_path(database, folder, "results", ".db", &err), 0);
}

static void tear_down(void)
{
	results_free(&results);
	rundir_remove_tree(folder);
}

TestSuite(export, .init = set_up, .fini = tear_down);

static int try(const char *format, const char *stack, const char *reason, char **text,
	       struct vmfee_error *err)
{
	const struct exporter *exporter = exporter_find(format);
	size_t size;
	struct export export = {.results = &results,
				.run = folder,
				.database = database,
				.stack = stack,
				.reason = reason,
				.out = open_memstream(text, &size),
				.err = err};

	cr_assert_not_null(exporter, "%s", format);
	int failed = exporter->write(&export);
	fclose(export.out);
	return failed;
}

static char *exported(const char *format, const char *stack, const char *reason)
{
	struct vmfee_error err = {0};
	char *text;

	cr_assert_eq(try(format, stack, reason, &text, &err), 0, "%s", err.text);
	return text;
}

static void expect_text(const char *format, const char *reason, const char *wanted)
{
	char *text = exported(format, "l1vmm", reason);

	cr_expect_str_eq(text, wanted, "got:\n%s", text);
	free(text);
}

static void expect_part(const char *format, const char *wanted)
{
	char *text = exported(format, NULL, NULL);

	cr_expect_not_null(strstr(text, wanted), "no %s in:\n%s", wanted, text);
	free(text);
}

Test(export, formats_are_found_by_their_names)
{
	size_t i = 0;

	for (; exporter_at(i) != NULL; i++)
		cr_expect_eq(exporter_find(exporter_at(i)->name), exporter_at(i));
	cr_expect_gt(i, 1);
	cr_expect_null(exporter_find("xml"));
}

Test(export, folded_stacks_weigh_what_exits_took)
{
	expect_text("folded", NULL,
		    "l1vmm;L0;cpuid;emulation;CPUID 720\n"
		    "l1vmm;L0;vmcall;emulation;VMCALL 160\n"
		    "l1vmm;L0;io;emulation;IO_INSTRUCTION 180\n"
		    "l1vmm;L0;(outside);emulation;CPUID 70\n");
	expect_text("folded", "VMCALL", "l1vmm;L0;vmcall;emulation;VMCALL 160\n");
	expect_text("folded", "HLT", "");
}

/* As where a guest hypervisor told of its exits, too. */
Test(export, folded_stacks_stand_upon_the_exits_they_are_for)
{
	static struct level_node paths[] = {
		{.parent = LEVELS_NO_NODE, .window = 1, .level = 1, .reason = 10, .own_ticks = 63},
		{.parent = 0, .window = 1, .reason = 23, .kind = LEVEL_WITHIN, .own_ticks = 50},
		{.parent = 0,
		 .window = 1,
		 .reason = 10,
		 .nested = true,
		 .kind = LEVEL_DELIVERS,
		 .own_ticks = 80},
		{.parent = LEVELS_NO_NODE,
		 .window = EXITS_OUTSIDE,
		 .reason = 48,
		 .nested = true,
		 .own_ticks = 30},
	};
	struct result_stack *stack = &results.stack[1];

	stack->path = paths;
	stack->paths = 4;
	expect_text("folded", NULL,
		    "l1vmm;cpuid;L2;CPUID 63\n"
		    "l1vmm;cpuid;L2;CPUID;L1;VMREAD 50\n"
		    "l1vmm;cpuid;L2;CPUID;L0-delivers 80\n"
		    "l1vmm;(outside);above-L1;EPT_VIOLATION 30\n");
	expect_text("folded", "EPT_VIOLATION", "l1vmm;(outside);above-L1;EPT_VIOLATION 30\n");
	stack->path = NULL;
	stack->paths = 0;
}

Test(export, percentiles_end_with_all_exits)
{
	/* Eight exits of 90 and one of 70, which the first ninth of the percentiles does not
	 * exceed. */
	expect_text("hdr", "CPUID",
		    "# l1vmm L0 CPUID emulation\n"
		    "#      Value     Percentile TotalCount 1/(1-Percentile)\n"
		    "      70.000 0.000000000000          1           1.00\n"
		    "      70.000 0.100000000000          1           1.11\n"
		    "      90.000 0.200000000000          9           1.25\n"
		    "      90.000 1.000000000000          9\n"
		    "#[Mean    =       87.778, StdDeviation   =        6.285]\n"
		    "#[Max     =       90.000, Total count    =            9]\n"
		    "#[Buckets =            1, SubBuckets     =         2048]\n");
}

Test(export, metrics_have_a_line_for_each_sum)
{
	expect_part("openmetrics",
		    "# TYPE vmfee_exits counter\n# HELP vmfee_exits VM exits\n"
		    "vmfee_exits_total{stack=\"l1vmm\",benchmark=\"cpuid\",level=\"0\","
		    "reason=\"CPUID\",component=\"emulation\"} 8\n");
	expect_part("openmetrics", "vmfee_exit_vmreads_total{stack=\"l1vmm\",benchmark=\"\","
				   "level=\"0\",reason=\"CPUID\",component=\"emulation\"} 3\n");
	expect_part("openmetrics", "vmfee_exits_lost_total{stack=\"l1vmm\",level=\"0\"} 3\n"
				   "vmfee_exits_lost_total{stack=\"l1vmm\",level=\"1\"} 2\n");
	expect_part("openmetrics",
		    "vmfee_operation_ticks{stack=\"l1vmm\",benchmark=\"cpuid\"} 104\n");
	expect_part("openmetrics", "\n# EOF\n");
}

Test(export, a_sample_is_a_repetition)
{
	expect_part("benchmark", "{\"name\": \"l1vmm/cpuid\", \"run_name\": \"l1vmm/cpuid\", "
				 "\"run_type\": \"iteration\", \"repetitions\": 4, \"threads\": 1, "
				 "\"iterations\": 2, \"real_time\": 109, \"cpu_time\": 109, "
				 "\"time_unit\": \"ns\", \"repetition_index\": 3}");
	expect_part("benchmark", "\"real_time\": 104, \"cpu_time\": 104, \"time_unit\": \"ns\", "
				 "\"aggregate_name\": \"median\", \"aggregate_unit\": \"time\"}");
}

Test(export, every_table_is_a_block)
{
	expect_part("csv", "\n\n\n# skip\n# stack,name,why\n0,vmcall,no-hypervisor\n");
	expect_part("csv", "\n# exit_latency\n# stack,level,reason,component,low,high,count\n"
			   "1,0,CPUID,emulation,70,70,1\n1,0,CPUID,emulation,90,90,8\n");
}

Test(export, what_cannot_be_had_is_refused)
{
	struct vmfee_error err = {0};
	char *text;

	cr_expect_eq(try("csv", "l1vmm", NULL, &text, &err), -1);
	cr_expect_eq(err.status, VMFEE_USAGE);
	free(text);
	cr_expect_eq(try("benchmark", NULL, "CPUID", &text, &err), -1);
	free(text);
	err = (struct vmfee_error){0};
	cr_expect_eq(try("chrome", NULL, NULL, &text, &err), -1);
	cr_expect_eq(err.status, VMFEE_SYSTEM);
	cr_expect_not_null(strstr(err.text, "no trace of the stack l1vmm"), "%s", err.text);
	free(text);
}
