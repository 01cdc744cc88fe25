#include "bench/verdict.h"

#include <string.h>

static int fail_level(const struct stack *stack, const struct console *console, unsigned level,
		      enum vmfee_status status, const char *what, struct vmfee_error *err)
{
	const char *said = console->said[level];

	return vmfee_fail(err, status, "%s at level %u %s%s%s", stack->level[level].image, level,
			  what, said[0] == '\0' ? "" : ": ", said);
}

/* What each end of a level means to the run; of several, the first row counts. */
static const struct {
	enum console_end end;
	enum vmfee_status status;
	const char *what;
} ends[] = {
	{CONSOLE_PANIC, VMFEE_PANIC, "panicked"},
	{CONSOLE_REFUSED, VMFEE_USAGE, "refused to start"},
	{CONSOLE_STOPPED, VMFEE_GUEST, "stopped its guest"},
	{CONSOLE_FAIL, VMFEE_GUEST, "failed"},
};

static int judge_ends(const struct stack *stack, const struct console *console,
		      struct vmfee_error *err)
{
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		/* A level that failed takes those below it along: the highest one is the cause. */
		for (unsigned level = stack->levels; level-- > 0;)
			if (console->end[level] == ends[i].end)
				return fail_level(stack, console, level, ends[i].status,
						  ends[i].what, err);
	return 0;
}

/* Why a hypervisor stops a guest, in its words; a reason that is not among them says enough itself.
 */
static int judge_stop(const struct console *console, struct vmfee_error *err)
{
	static const struct {
		const char *reason;
		const char *text;
	} stops[] = {
#define STOP(NAME, name, text) {name, text},
#include "l1vmm/vmx/stop_reasons.def"
#undef STOP
	};
	bool image = strcmp(console->stop_reason, "image-refused") == 0;
	const char *text = "the guest was stopped";

	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		if (strcmp(stops[i].reason, console->stop_reason) == 0)
			text = stops[i].text;
	return vmfee_fail(err, image ? VMFEE_IMAGE : VMFEE_GUEST, "%s: %s", text, console->stop);
}

static int judge_console(const struct stack *stack, const struct console *console,
			 struct vmfee_error *err)
{
	unsigned top = stack->levels - 1;

	if (console->stop[0] != '\0')
		return judge_stop(console, err);
	if (console->fails.count > 0)
		return vmfee_fail(err, VMFEE_GUEST, "%s: benchmark '%s' failed: %s",
				  stack->level[top].image, console->fails.note[0].name,
				  console->fails.note[0].value);
	return judge_ends(stack, console, err);
}

/* A machine that ended without its own doing, or before its lowest level had said how it went. */
static int judge_machine(const struct stack *stack, const struct console *console,
			 const struct machine_end *machine, struct vmfee_error *err)
{
	enum vmfee_status lowest = stack->levels > 1 ? VMFEE_PANIC : VMFEE_GUEST;

	switch (machine->end) {
	case BOCHS_WATCHDOG:
		return vmfee_fail(err, VMFEE_WATCHDOG,
				  "the watchdog ended it after %u million ticks",
				  machine->watchdog);
	case BOCHS_TRIPLE_FAULT:
		return vmfee_fail(err, lowest, "%s at level 0 ended in a triple fault: %s",
				  stack->level[0].image, machine->message);
	case BOCHS_BROKEN:
		if (strstr(machine->message, "cpu directive malformed") != NULL)
			return vmfee_fail(
				err, VMFEE_USAGE,
				"cpu = '%s' is not possible: this Bochs has no such model",
				machine->cpu);
		return vmfee_fail(err,
				  strstr(machine->message, "could not write") != NULL
					  ? VMFEE_DISK
					  : VMFEE_SYSTEM,
				  "Bochs gave up: %s", machine->message);
	case BOCHS_SHUTDOWN:
		break;
	}
	if (console->end[0] == CONSOLE_RUNNING)
		return vmfee_fail(err, lowest, "%s at level 0 ended without an @end line",
				  stack->level[0].image);
	return 0;
}

/* Of a guest that failed, the console has more to say than the launcher. */
static int judge_launcher(const struct machine_end *machine, bool guest, struct vmfee_error *err)
{
	if (machine->launcher == VMFEE_OK || (machine->launcher == VMFEE_GUEST) != guest)
		return 0;
	return vmfee_fail(err, machine->launcher, "%s", machine->message);
}

int verdict(const struct stack *stack, struct console *console, const struct machine_end *machine,
	    struct vmfee_error *err)
{
	unsigned top = stack->levels - 1;

	if (judge_launcher(machine, false, err) != 0 || judge_console(stack, console, err) != 0 ||
	    judge_launcher(machine, true, err) != 0 ||
	    judge_machine(stack, console, machine, err) != 0 || console_finish(console, err) != 0)
		return -1;
	if (console->end[top] == CONSOLE_RUNNING)
		return vmfee_fail(err, VMFEE_GUEST, "%s ended without an @end line",
				  stack->level[top].image);
	if (console->benches > 0 && console_find_bench(console, "empty") == NULL)
		return vmfee_fail(
			err, VMFEE_GUEST,
			"%s has no benchmark 'empty' to tell its harness from what it measures",
			stack->level[top].image);
	return 0;
}
