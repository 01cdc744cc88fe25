#include "bench/console.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/bench_rig.h"

#define BENCH(name, begin, end)                                                              \
	"|@bench name=" name " component=emulation ops=2 samples=4 begin=" begin " end=" end \
	" expect=CPUID:1\n"

static const char whole[] =
	"@l1vmm version=1 level=0 cpus=1 memory=268435456\n"
	"@cap name=IA32_VMX_BASIC msr=0x480 value=0xffd810000000002b\n"
	"@switch name=mmu value=ept:2m\n"
	"the guest starts\n"
	"|@image name=micro\n"
	"|hello\n"
	"|@bench name=empty component=transition ops=1 samples=3 begin=0x10 end=20 expect=any\n"
	"|@sample name=empty ticks=10x1,11x1\n"
	"|@sample name=empty ticks=12x1\n"
	"|@bench name=cpuid component=emulation ops=2 samples=4 begin=20 end=40 "
	"expect=CPUID:1,MSR_READ:2\n"
	"|@sample name=cpuid ticks=86x3,91x1\n"
	"|@skip name=vmcall why=no-hypervisor\n"
	"|@end image=micro status=ok\n"
	"@telemetry cpu=0 records=12 dropped=1 packets=2 outbox=ata\n"
	"@end image=l1vmm status=ok\n";

static void expect_whole(const struct console *console)
{
	cr_assert_eq(console->benches, 2);
	const struct console_bench *bench = console_find_bench(console, "cpuid");
	cr_assert_eq(bench, &console->bench[1]);
	cr_expect_eq(bench->component, FEE_EMULATION);
	cr_expect_eq(bench->ops, 2);
	cr_expect_eq(bench->begin, 20);
	cr_expect_eq(bench->end, 40);
	cr_assert_eq(bench->have, 4);
	cr_expect_eq(bench->ticks[2], 86);
	cr_expect_eq(bench->ticks[3], 91);
	cr_assert_eq(bench->expected, 2);
	cr_expect_eq(bench->expect[1].reason, exit_reason_by_name("MSR_READ"));
	cr_expect_eq(bench->expect[1].per_op, 2);
	cr_expect_eq(console->bench[0].begin, 16);
	cr_expect_eq(console->bench[0].expected, 0);
	cr_expect(console->bench[0].any_exits);
	cr_expect_not(bench->any_exits);
	cr_expect_eq(console->bench[0].ticks[2], 12);
	cr_expect_null(console_find_bench(console, "vmcall"));

	cr_assert_eq(console->skips.count, 1);
	cr_expect_str_eq(console->skips.note[0].name, "vmcall");
	cr_expect_str_eq(console->skips.note[0].value, "no-hypervisor");
	cr_expect_eq(console->skips.note[0].level, 1);
	cr_expect_eq(console->caps.note[0].number, 0xffd810000000002b);
	cr_expect_str_eq(console->switches.note[0].value, "ept:2m");
	cr_expect(console->trace[0].told);
	cr_expect_eq(console->trace[0].records, 12);
	cr_expect_eq(console->trace[0].dropped, 1);
	cr_expect_eq(console->trace[0].packets, 2);
	cr_expect_eq(console->end[0], CONSOLE_OK);
	cr_expect_eq(console->end[1], CONSOLE_OK);
}

Test(console, a_whole_run_is_understood)
{
	struct vmfee_error err = {0};
	struct console *console = rig_console(2, whole);

	cr_expect_eq(console_finish(console, &err), 0, "%s", err.text);
	expect_whole(console);
	rig_console_free(console);
}

Test(console, it_does_not_matter_how_the_bytes_come)
{
	for (size_t step = 1; step < 100; step += 7) {
		struct vmfee_error err = {0};
		struct console *console = rig_console(2, "");
		for (size_t i = 0; i < strlen(whole); i += step) {
			size_t rest = strlen(whole) - i;
			cr_assert_eq(
				console_feed(console, whole + i, rest < step ? rest : step, &err),
				0, "%s", err.text);
		}
		expect_whole(console);
		rig_console_free(console);
	}
}

Test(console, the_last_line_needs_no_newline)
{
	struct vmfee_error err = {0};
	struct console *console = rig_console(1, "@end image=micro status=fail");

	cr_expect_eq(console->end[0], CONSOLE_RUNNING);
	cr_expect_eq(console_finish(console, &err), 0, "%s", err.text);
	cr_expect_eq(console->end[0], CONSOLE_FAIL);
	rig_console_free(console);
}

Test(console, each_level_with_an_outbox_tells_of_its_trace)
{
	struct console *console =
		rig_console(4, "||@telemetry cpu=0 records=7 dropped=0 packets=1 outbox=none\n"
			       "|@telemetry cpu=0 records=8 dropped=2 packets=3 outbox=call\n"
			       "@telemetry cpu=0 records=3 dropped=1 packets=1 outbox=ata\n"
			       "@telemetry cpu=1 records=2 dropped=4 packets=1 outbox=ata\n");

	cr_expect_eq(console->trace[0].records, 5);
	cr_expect_eq(console->trace[0].dropped, 5);
	cr_expect_eq(console->trace[0].packets, 2);
	cr_expect_eq(console->trace[0].cpus, 2);
	cr_expect_eq(console->trace[1].records, 8);
	cr_expect_eq(console->trace[1].dropped, 2);
	cr_expect_eq(console->trace[1].packets, 3);
	cr_expect_eq(console->trace[1].cpus, 1);
	cr_expect_not(console->trace[2].told, "it stays in the machine");
	rig_console_free(console);
}

Test(console, the_first_stop_is_kept)
{
	struct console *console = rig_console(2, "@stop reason=triple-fault vcpu=0 rip=0x1000\n"
						 "@stop reason=other vcpu=0\n"
						 "@end image=l1vmm status=guest-stopped\n");

	cr_expect_str_eq(console->stop_reason, "triple-fault");
	cr_expect_str_eq(console->stop, "reason=triple-fault vcpu=0 rip=0x1000");
	cr_expect_eq(console->end[0], CONSOLE_STOPPED);
	rig_console_free(console);
}

/* The guest's clock need not go as the machine's, whose exits there are. */
Test(console, windows_are_by_the_machines_clock)
{
	static const struct {
		const char *ratio;
		uint64_t begin, end, next;
	} rows[] = {
		{"1/1", 300, 599, 600},	   {"3/1", 100, 199, 200}, {"3/2", 200, 399, 400},
		{"1/4", 1200, 2399, 2400}, {"7/7", 300, 599, 600}, {"65535/1", 1, 0, 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct console console;
		struct vmfee_error err;
		char text[512];
		int length =
			snprintf(text, sizeof(text),
				 "@switch name=tsc_multiplier value=%s\n" BENCH("x", "300", "599")
					 BENCH("y", "600", "600"),
				 rows[i].ratio);

		console_init(&console, 2);
		cr_assert_eq(console_feed(&console, text, (size_t)length, &err), 0, "%s",
			     rows[i].ratio);
		cr_expect_eq(console.bench[0].begin, rows[i].begin, "%s", rows[i].ratio);
		cr_expect_eq(console.bench[0].end, rows[i].end, "%s", rows[i].ratio);
		cr_expect_eq(console.bench[1].begin, rows[i].next, "%s", rows[i].ratio);
		console_free(&console);
	}
}

Test(console, a_malformed_line_is_named_with_its_number)
{
	static const struct {
		const char *text;
		const char *why;
	} rows[] = {
		{"\n\n||@end image=x status=ok\n", "line 3: from level 2 of a stack of 2"},
		{"|||||||||||||||||||||||||hello\n", "line 1: from level 25"},
		{"@frob\n", "line 1: @frob is no data line that is known"},
		{"@\n", "line 1: @ is no data line"},
		{"@bench name=x\n", "line 1: @bench is no line of a hypervisor"},
		{"|@cap name=x msr=1 value=1\n", "line 1: @cap is no line of a workload"},
		{"|@image\n", "line 1: @image without name="},
		{"@l1vmm version=2\n", "version=2 is outside 1 to 1"},
		{"@cap name=X msr=0x100000000 value=1\n", "msr=0x100000000 is outside"},
		{"@switch name=mmu\n", "@switch without value="},
		{"@telemetry cpu=0 records=1 dropped=0 outbox=ata\n",
		 "@telemetry without packets="},
		{"@telemetry cpu=0 records=1 dropped=0 packets=1\n", "@telemetry without outbox="},
		{"@telemetry records=1 dropped=0 packets=1 outbox=ata\n",
		 "@telemetry without cpu="},
		{"@telemetry cpu=8 records=1 dropped=0 packets=1 outbox=ata\n", "cpu=8"},
		{"@stop vcpu=0\n", "@stop without reason="},
		{"@end image=l1vmm status=great\n", "status=great is no status"},
		{"@end image=l1vmm status=ok\n@end image=l1vmm status=ok\n",
		 "line 2: level 0 ends a second time"},
		{"|@bench name=x ops=1 samples=1 begin=1 end=2 expect=-\n", "without component="},
		{"|@bench name=X component=timer ops=1 samples=1 begin=1 end=2 expect=-\n",
		 "'X' cannot name a benchmark"},
		{"|@bench name=x component=tax ops=1 samples=1 begin=1 end=2 expect=-\n",
		 "component=tax is no component of the fee"},
		{"|@bench name=x component=timer ops=0 samples=1 begin=1 end=2 expect=-\n",
		 "ops=0 is outside"},
		{"|@bench name=x component=timer ops=1 samples=0 begin=1 end=2 expect=-\n",
		 "samples=0 is outside"},
		{"|@bench name=x component=timer ops=1 samples=65537 begin=1 end=2 expect=-\n",
		 "samples=65537 is outside 1 to 65536"},
		{"@switch name=tsc_multiplier value=1\n", "is no NUM/DEN"},
		{"@switch name=tsc_multiplier value=0/1\n", "is no NUM/DEN"},
		{"@switch name=tsc_multiplier value=1/0\n", "is no NUM/DEN"},
		{"@switch name=tsc_multiplier value=1/65536\n", "is no NUM/DEN"},
		{"@switch name=tsc_multiplier value=1/2/3\n", "is no NUM/DEN"},
		{"|@bench name=x component=timer ops=1 samples=1 begin=3 end=2 expect=-\n",
		 "the window ends before it begins"},
		{"|@bench name=x component=timer ops=1 samples=1 begin=3 "
		 "end=0x8000000000000000 expect=-\n",
		 "is outside"},
		{"|@bench name=x component=timer ops=1 samples=1 begin=1 end=2 expect=FROB:1\n",
		 "names no exit reason that is known: 'FROB'"},
		{"|@bench name=x component=timer ops=1 samples=1 begin=1 end=2 expect=CPUID\n",
		 "expect=CPUID has no count"},
		{"|@bench name=x component=timer ops=1 samples=1 begin=1 end=2 expect=CPUID:\n",
		 "expect=CPUID has no count"},
		{"|@bench name=x component=timer ops=1 samples=1 begin=1 end=2 "
		 "expect=CPUID:100001\n",
		 "expect=CPUID has no count from 0 to 100000"},
		{"|@bench name=x component=timer ops=1 samples=1 begin=1 end=2 expect=CPUID:1;\n",
		 "after the count"},
		{"|@bench name=x component=timer ops=1 samples=1 begin=1 end=2 expect=CPUID:1,\n",
		 "names no exit reason"},
		{"|@bench name=x component=timer ops=1 samples=1 begin=1 end=2 "
		 "expect=CPUID:1,HLT:1,RDTSC:1,VMCALL:1,INVLPG:1,MSR_READ:1,PAUSE:1,INVD:1,RSM:1\n",
		 "more than 8 reasons"},
		{BENCH("x", "1", "5") BENCH("x", "6", "7"), "line 2: benchmark 'x' a second time"},
		{BENCH("x", "1", "5") BENCH("y", "4", "7"),
		 "line 2: the window begins before that of the last benchmark ends"},
		{"|@sample name=x ticks=1x1\n", "samples of 'x', which is not the benchmark"},
		{BENCH("x", "1", "5") BENCH("y", "5", "7") "|@sample name=x ticks=1x4\n",
		 "line 3: samples of 'x', which is not the benchmark"},
		{BENCH("x", "1", "5") "|@sample name=x ticks=1x5\n",
		 "more samples of 'x' than the 4 announced"},
		{BENCH("x", "1", "5") "|@sample name=x ticks=1x2,1x3\n", "more samples of 'x'"},
		{BENCH("x", "1", "5") "|@sample name=x ticks=1x18446744073709551615\n",
		 "more samples of 'x'"},
		{BENCH("x", "1", "5") "|@sample name=x ticks=1\n", "no list of TICKSxCOUNT"},
		{BENCH("x", "1", "5") "|@sample name=x ticks=1x0\n", "no list of TICKSxCOUNT"},
		{BENCH("x", "1", "5") "|@sample name=x ticks=1x1,\n", "no list of TICKSxCOUNT"},
		{BENCH("x", "1", "5") "|@sample name=x ticks=1x1x1\n", "no list of TICKSxCOUNT"},
		{BENCH("x", "1", "5") "|@sample name=x ticks=-1x1\n", "no list of TICKSxCOUNT"},
		{BENCH("x", "1", "5") "|@sample name=x ticks=0x8000000000000000x1\n",
		 "no list of TICKSxCOUNT"},
		{"|@skip name=x why=0123456789012345678901234567890123456789012345678901234567890123"
		 "\n",
		 "why= is longer than 63 bytes"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmfee_error err = {0};
		struct console *console = rig_console(2, "");
		cr_expect_eq(console_feed(console, rows[i].text, strlen(rows[i].text), &err), -1,
			     "%s", rows[i].text);
		cr_expect_eq(err.status, VMFEE_GUEST, "%s", rows[i].text);
		cr_expect_eq(strncmp(err.text, "line ", 5), 0, "%s: %s", rows[i].text, err.text);
		cr_expect_not_null(strstr(err.text, rows[i].why), "%s: %s", rows[i].text, err.text);
		rig_console_free(console);
	}
}

Test(console, a_line_without_end_is_refused_whatever_its_length)
{
	struct vmfee_error err = {0};
	struct console *console = rig_console(2, "");
	char bytes[4096];

	memset(bytes, '|', sizeof(bytes));
	for (int i = 0; i < 100; i++)
		cr_assert_eq(console_feed(console, bytes, sizeof(bytes), &err), 0);
	cr_expect_eq(console_feed(console, "\n", 1, &err), -1);

	err = (struct vmfee_error){0};
	rig_console_free(console);
	console = rig_console(2, "");
	memset(bytes, 'x', sizeof(bytes));
	cr_assert_eq(console_feed(console, bytes, sizeof(bytes), &err), 0);
	cr_expect_eq(console_feed(console, "\n", 1, &err), -1);
	cr_expect_str_eq(err.text, "line 1: longer than 480 bytes");
	rig_console_free(console);
}

Test(console, samples_that_never_came_are_missed)
{
	struct vmfee_error err = {0};
	struct console *console =
		rig_console(2, BENCH("x", "1", "5") "|@sample name=x ticks=1x3\n");

	cr_expect_eq(console_finish(console, &err), -1);
	cr_expect_eq(err.status, VMFEE_GUEST);
	cr_expect_str_eq(err.text, "benchmark 'x' announced 4 samples, 3 came");
	rig_console_free(console);
}

Test(console, nothing_that_a_guest_repeats_grows_without_limit)
{
	static const struct {
		const char *format;
		const char *why;
	} rows[] = {
		{"|@skip name=s%d why=x\n", "more than 256 lines of @skip"},
		{"|@fail name=s%d why=x\n", "more than 256 lines of @fail"},
		{"@cap name=s%d msr=1 value=1\n", "more than 256 lines of @cap"},
		{"@switch name=s%d value=1\n", "more than 256 lines of @switch"},
		{"|@bench name=s%d component=timer ops=1 samples=1 begin=1 end=1 expect=-\n",
		 "more than 128 benchmarks"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmfee_error err = {0};
		struct console *console = rig_console(2, "");
		for (int j = 0; j < 300 && err.status == VMFEE_OK; j++) {
			char text[128];
			/* The formats are those of the table above. */
			const char *number = strchr(rows[i].format, '%');
			snprintf(text, sizeof(text), "%.*s%d%s", (int)(number - rows[i].format),
				 rows[i].format, j, number + 2);
			console_feed(console, text, strlen(text), &err);
		}
		cr_expect_not_null(strstr(err.text, rows[i].why), "%s", err.text);
		rig_console_free(console);
	}
}

/* Upon KVM it is level 1 whose trace leaves the machine, and level 0 that tells of KVM's own. */
Test(console, upon_kvm)
{
	struct console *console = malloc(sizeof(*console));
	struct vmfee_error err = {0};
	static const char text[] = "@switch name=ept value=Y\n"
				   "|@telemetry cpu=0 records=7 dropped=1 packets=1 outbox=mapped\n"
				   "@delivered reason=CPUID count=7\n"
				   "@handled reason=VMREAD log2=10x3,11x2\n"
				   "@handled reason=CPUID log2=31x9\n"
				   "@observed records=40 dropped=2 packets=3 interrupts=5\n"
				   "@end image=kvm status=ok\n";

	cr_assert_not_null(console);
	console_init(console, 3);
	console->traced = 1;
	cr_assert_eq(console_feed(console, text, strlen(text), &err), 0, "%s", err.text);
	cr_expect_eq(console_trace(console)->records, 7);
	cr_expect_eq(console->observed.records, 40);
	cr_expect_eq(console->observed.dropped, 2);
	cr_expect_eq(console->observed.packets, 3);
	cr_expect_eq(console->observed.interrupts, 5);
	cr_expect_eq(console->observed.handled[exit_reason_by_name("VMREAD")][11], 2);
	cr_expect_eq(console->observed.handled[exit_reason_by_name("CPUID")][31], 9);
	cr_expect_eq(console->observed.delivered[exit_reason_by_name("CPUID")], 7);

	cr_expect_neq(console_feed(console, "@delivered reason=NOTHING count=1\n", 34, &err), 0);
	cr_expect_not_null(strstr(err.text, "reason= names no exit reason"), "%s", err.text);
	console_free(console);
	free(console);
}

Test(console, histograms_of_kvms_exits)
{
	static const char *const rows[] = {"x1",   "1",	   "1x",   "32x1",
					   "1x1,", "1x1;", "-1x1", "1x4294967296"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct console *console = rig_console(2, "");
		struct vmfee_error err = {0};
		char text[80];
		snprintf(text, sizeof(text), "@handled reason=CPUID log2=%s\n", rows[i]);
		cr_expect_neq(console_feed(console, text, strlen(text), &err), 0, "%s", text);
		cr_expect_not_null(strstr(err.text, "BUCKETxCOUNT"), "%s: %s", text, err.text);
		rig_console_free(console);
	}
}
