#include "tests/unit/bench_run.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "bench/project.h"
#include "bench/store.h"
#include "tests/unit/bench_rig.h"

static const char native[] =
	"@bench name=empty component=transition ops=1 samples=4 begin=0 end=100 expect=-\n"
	"@sample name=empty ticks=11x1,10x3\n"
	"@bench name=cpuid component=emulation ops=2 samples=4 begin=100 end=200 expect=CPUID:1\n"
	"@sample name=cpuid ticks=14x4\n"
	"@skip name=vmcall why=no-hypervisor\n"
	"@bench name=io component=emulation ops=1 samples=2 begin=300 end=400 "
	"expect=IO_INSTRUCTION:1\n"
	"@sample name=io ticks=11x2\n"
	"@bench name=walk component=memory ops=4 samples=1 begin=400 end=500 expect=-\n"
	"@sample name=walk ticks=26x1\n"
	"@end image=micro status=ok\n";

static const char hypervisor[] = "@cap name=IA32_VMX_BASIC msr=0x480 value=0xffd810000000002b\n"
				 "@switch name=mmu value=ept:2m\n";

/* The ticks are what differs with and without telemetry. */
static const char guest[] =
	"|@bench name=empty component=transition ops=1 samples=4 begin=0 end=100 expect=-\n"
	"|@sample name=empty ticks=12x4\n"
	"|@bench name=cpuid component=emulation ops=2 samples=4 begin=100 end=200 expect=CPUID:1\n"
	"|@sample name=cpuid ticks=%s\n"
	"|@bench name=vmcall component=emulation ops=1 samples=2 begin=200 end=300 "
	"expect=VMCALL:1\n"
	"|@sample name=vmcall ticks=%s\n"
	"|@bench name=io component=emulation ops=1 samples=2 begin=300 end=400 "
	"expect=IO_INSTRUCTION:1\n"
	"|@sample name=io ticks=%s\n"
	"|@bench name=walk component=memory ops=4 samples=1 begin=400 end=500 expect=any\n"
	"|@sample name=walk ticks=28x1\n"
	"|@end image=micro status=ok\n"
	"@end image=l1vmm status=ok\n";

static void add_exits(struct exits *exits, const struct console *console, uint64_t tsc,
		      const char *reason, unsigned count, uint64_t handled)
{
	struct vmfee_error err = {0};
	struct exit_record record = {.reason = (uint16_t)exit_reason_by_name(reason),
				     .guest_ticks = 5,
				     .handled_ticks = handled,
				     .vmreads = 3,
				     .vmwrites = 1};

	for (unsigned i = 0; i < count; i++) {
		record.tsc = tsc + i;
		cr_assert_eq(exits_add(exits, console, &record, &err), 0, "%s", err.text);
	}
}

static void store(struct store *store, unsigned number, const char *notation, const char *name,
		  const char *probe_of, const char *text)
{
	struct vmfee_error err = {0};
	struct experiment_stack stack = {0};
	struct exits exits = {0};

	cr_assert_eq(stack_parse(&stack.stack, notation, &err), 0);
	snprintf(stack.name, sizeof(stack.name), "%s", name);
	snprintf(stack.notation, sizeof(stack.notation), "%s", notation);
	snprintf(stack.probe_of, sizeof(stack.probe_of), "%s", probe_of);
	struct console *console = rig_console(stack.stack.levels, text);
	cr_assert_eq(console_finish(console, &err), 0, "%s", err.text);
	if (strcmp(name, "l1vmm") == 0) {
		console->trace[0].dropped = 3;
		console->trace[1].dropped = 2;
		add_exits(&exits, console, 110, "CPUID", 8, 90);
		add_exits(&exits, console, 210, "VMCALL", 2, 80);
		/* One more than the guest expects. */
		add_exits(&exits, console, 310, "IO_INSTRUCTION", 3, 60);
		add_exits(&exits, console, 1000, "CPUID", 1, 70);
		exits_sort(&exits);
	}
	cr_assert_eq(store_stack(store, number, &stack, console, &exits, &err), 0, "%s", err.text);
	exits_free(&exits);
	rig_console_free(console);
}

void bench_run(const char *folder, struct results *results)
{
	static const char *const properties[][2] = {
		{"experiment", "fee"},	 {"title", "What it costs"},	   {"platform", "bochs"},
		{"cpu", "model"},	 {"platform_version", "3.0"},	   {"unit", "instructions"},
		{"tick", "instruction"}, {"tick_caution", ": not a time"},
	};
	struct vmfee_error err = {0};
	char path[PATH_MAX];
	char text[2048];
	size_t start = (size_t)snprintf(text, sizeof(text), "%s", hypervisor);

	cr_assert_eq(project_path(path, folder, "results", ".db", &err), 0);
	struct store *db = store_create(path, &err);
	cr_assert_not_null(db, "%s", err.text);
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		cr_assert_eq(store_property(db, properties[i][0], properties[i][1], &err), 0);
	store(db, 0, "micro", "native", "", native);
	snprintf(text + start, sizeof(text) - start, guest, "220x3,230x1", "112x2", "115x2");
	store(db, 1, "l1vmm / micro", "l1vmm", "", text);
	snprintf(text + start, sizeof(text) - start, guest, "160x4", "82x2", "85x2");
	store(db, 2, "l1vmm telemetry=off / micro", "quiet", "l1vmm", text);
	cr_assert_eq(store_commit(db, &err), 0, "%s", err.text);
	cr_assert_eq(results_load(results, path, &err), 0, "%s", err.text);
}
