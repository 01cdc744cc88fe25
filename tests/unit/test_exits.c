#include "bench/exits.h"

#include <criterion/criterion.h>

#include <string.h>

#include "tests/unit/bench_rig.h"

#define BENCH(name, begin, end)                                                              \
	"|@bench name=" name " component=emulation ops=1 samples=1 begin=" begin " end=" end \
	" expect=-\n|@sample name=" name " ticks=1x1\n"

static struct console *console;
static struct exits exits;

static void set_up(void)
{
	console = rig_console(2, BENCH("a", "100", "200") BENCH("b", "200", "300")
					 BENCH("c", "1000", "1000"));
	exits = (struct exits){0};
}

static void tear_down(void)
{
	exits_free(&exits);
	rig_console_free(console);
}

TestSuite(exits, .init = set_up, .fini = tear_down);

static void add(uint64_t tsc, const char *reason, uint64_t qualification, uint8_t level)
{
	struct vmfee_error err = {0};
	struct exit_record record = {
		.tsc = tsc,
		.reason = (uint16_t)exit_reason_by_name(reason),
		.level = level,
		.qualification = qualification,
		.guest_ticks = 10,
		.handled_ticks = 20,
		.vmreads = 3,
		.nested_entries = 1,
	};

	cr_assert_eq(exits_add(&exits, console, &record, &err), 0, "%s", err.text);
}

static const struct exit_sum *sum(unsigned window, const char *reason)
{
	for (size_t i = 0; i < exits.sums; i++)
		if (exits.sum[i].window == window &&
		    exits.sum[i].reason == exit_reason_by_name(reason))
			return &exits.sum[i];
	return NULL;
}

Test(exits, a_record_belongs_to_the_window_that_its_time_lies_in)
{
	static const struct {
		uint64_t tsc;
		unsigned window;
	} rows[] = {
		{0, EXITS_OUTSIDE},
		{99, EXITS_OUTSIDE},
		{100, 0},
		{150, 0},
		{199, 0},
		{201, 1},
		{300, 1},
		{301, EXITS_OUTSIDE},
		{999, EXITS_OUTSIDE},
		{1000, 2},
		{1001, EXITS_OUTSIDE},
		{UINT64_MAX, EXITS_OUTSIDE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t same = 0;
		add(rows[i].tsc, "CPUID", 0, 0);
		for (size_t j = 0; j <= i; j++)
			same += rows[j].window == rows[i].window;
		cr_expect_eq(sum(rows[i].window, "CPUID")->count, same, "tsc %lu",
			     (unsigned long)rows[i].tsc);
		cr_expect_eq(exits.records, i + 1);
	}
}

Test(exits, without_benchmarks_everything_is_outside)
{
	rig_console_free(console);
	console = rig_console(2, "");
	add(150, "CPUID", 0, 0);
	cr_expect_eq(exits.sum[0].window, EXITS_OUTSIDE);
}

Test(exits, sums_hold_counts_ticks_and_counters)
{
	add(110, "CPUID", 0, 0);
	add(120, "VMCALL", 0, 0);
	add(130, "CPUID", 0, 0);
	add(140, "CPUID", 0, 0);

	cr_assert_eq(exits.sums, 2);
	const struct exit_sum *cpuid = sum(0, "CPUID");
	cr_assert_not_null(cpuid);
	cr_expect_eq(cpuid->count, 3);
	cr_expect_eq(cpuid->guest_ticks, 30);
	cr_expect_eq(cpuid->handled_ticks, 60);
	cr_expect_eq(cpuid->counters.vmreads, 9);
	cr_expect_eq(cpuid->counters.nested_entries, 3);
	cr_expect_eq(cpuid->counters.vmwrites, 0);
	cr_expect_eq(cpuid->component, FEE_EMULATION);
}

Test(exits, one_reason_can_have_two_components_and_two_levels)
{
	add(110, "CR_ACCESS", 0, 0); /* MOV to CR0 */
	add(120, "CR_ACCESS", 3, 0); /* MOV to CR3 */
	add(130, "CR_ACCESS", 3, 1);
	exits_sort(&exits);

	cr_assert_eq(exits.sums, 3);
	cr_expect_eq(exits.sum[0].component, FEE_EMULATION);
	cr_expect_eq(exits.sum[1].component, FEE_MEMORY);
	cr_expect_eq(exits.sum[2].level, 1);
}

Test(exits, the_order_of_sums_does_not_depend_on_that_of_records)
{
	add(5000, "HLT", 0, 0);
	add(250, "VMCALL", 0, 0);
	add(250, "CPUID", 0, 1);
	add(250, "CPUID", 0, 0);
	add(150, "VMCALL", 0, 0);
	exits_sort(&exits);

	static const unsigned windows[] = {0, 1, 1, 1, EXITS_OUTSIDE};
	for (size_t i = 0; i < 5; i++)
		cr_expect_eq(exits.sum[i].window, windows[i]);
	cr_expect_eq(exits.sum[1].reason, exit_reason_by_name("CPUID"));
	cr_expect_eq(exits.sum[1].level, 0);
	cr_expect_eq(exits.sum[2].reason, exit_reason_by_name("VMCALL"));
	cr_expect_eq(exits.sum[3].level, 1);
}

Test(exits, a_reason_that_is_none_is_refused)
{
	struct vmfee_error err = {0};
	struct exit_record record = {.tsc = 1, .reason = 1000, .seq = 7};

	cr_expect_eq(exits_add(&exits, console, &record, &err), -1);
	cr_expect_eq(err.status, VMFEE_SYSTEM);
	cr_expect_str_eq(err.text, "exit 7 has reason 1000, which is none");
	cr_expect_eq(exits.records, 0);
}
