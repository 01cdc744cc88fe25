#include "bench/verdict.h"

#include <string.h>

/* What the console itself tells: the deepest cause first. */
static int judge_console(const struct console *console, struct vmfee_error *err)
{
	for (unsigned i = 0; i < console->levels; i++) {
		if (console->end[i] == CONSOLE_PANIC)
			return vmfee_fail(err, VMFEE_PANIC, "the hypervisor at level %u panicked",
					  i);
		if (console->end[i] == CONSOLE_REFUSED)
			return vmfee_fail(err, VMFEE_USAGE,
					  "the hypervisor at level %u refused to start: its "
					  "command line or its CPU will not do",
					  i);
	}
	if (console->stop[0] != '\0')
		return vmfee_fail(err, VMFEE_GUEST, "the guest was stopped: %s", console->stop);
	if (console->fails.count > 0)
		return vmfee_fail(err, VMFEE_GUEST, "benchmark '%s' failed: %s",
				  console->fails.note[0].name, console->fails.note[0].value);
	for (unsigned i = console->levels; i-- > 0;) {
		if (console->end[i] == CONSOLE_STOPPED)
			return vmfee_fail(err, VMFEE_GUEST,
					  "the hypervisor at level %u stopped its guest", i);
		if (console->end[i] == CONSOLE_FAIL)
			return vmfee_fail(err, VMFEE_GUEST, "level %u ended with a failure", i);
	}
	return 0;
}

/* A machine that ended without its own doing, or before its lowest level had said how it went. */
static int judge_machine(const struct console *console, enum bochs_end end, const char *message,
			 unsigned watchdog, struct vmfee_error *err)
{
	enum vmfee_status lowest = console->levels > 1 ? VMFEE_PANIC : VMFEE_GUEST;

	switch (end) {
	case BOCHS_WATCHDOG:
		return vmfee_fail(err, VMFEE_WATCHDOG,
				  "did not end within %u million ticks (key watchdog)", watchdog);
	case BOCHS_TRIPLE_FAULT:
		return vmfee_fail(err, lowest, "the %s ended in a triple fault: %s",
				  console->levels > 1 ? "hypervisor" : "guest", message);
	case BOCHS_BROKEN:
		return vmfee_fail(
			err, strstr(message, "could not write") != NULL ? VMFEE_DISK : VMFEE_SYSTEM,
			"Bochs gave up: %s", message);
	case BOCHS_SHUTDOWN:
		break;
	}
	if (console->end[0] == CONSOLE_RUNNING)
		return vmfee_fail(err, lowest, "the machine was shut down without an @end line");
	return 0;
}

int verdict(struct console *console, enum bochs_end end, const char *message, unsigned watchdog,
	    struct vmfee_error *err)
{
	if (judge_console(console, err) != 0 ||
	    judge_machine(console, end, message, watchdog, err) != 0 ||
	    console_finish(console, err) != 0)
		return -1;
	if (console->end[console->levels - 1] == CONSOLE_RUNNING)
		return vmfee_fail(err, VMFEE_GUEST, "the workload ended without an @end line");
	return 0;
}
