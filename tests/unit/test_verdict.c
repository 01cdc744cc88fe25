#include "bench/verdict.h"

#include <criterion/criterion.h>

#include <string.h>

#include "tests/unit/bench_rig.h"

#define GUEST_OK "|@end image=micro status=ok\n"
#define ALL_OK	 GUEST_OK "@end image=l1vmm status=ok\n"

Test(verdict, every_way_to_end_has_its_status_and_its_reason)
{
	static const struct {
		const char *stack;
		const char *console;
		enum bochs_end end;
		const char *message;
		int status;
		const char *why;
	} rows[] = {
		{"l1vmm / micro", ALL_OK, BOCHS_SHUTDOWN, "", VMFEE_OK, ""},
		{"micro", "@end image=micro status=ok\n", BOCHS_SHUTDOWN, "", VMFEE_OK, ""},
		{"micro", "@end image=micro status=ok", BOCHS_SHUTDOWN, "", VMFEE_GUEST,
		 "micro at level 0 ended without an @end line"},
		{"l1vmm / micro", "rax 0\nl1vmm: panic: #GP\n@end image=l1vmm status=panic\n",
		 BOCHS_SHUTDOWN, "", VMFEE_PANIC, "l1vmm at level 0 panicked: l1vmm: panic: #GP"},
		{"l1vmm / l1vmm / micro",
		 "|oh\n|@end image=l1vmm status=panic\nbye\n@end image=l1vmm "
		 "status=guest-failure\n",
		 BOCHS_SHUTDOWN, "", VMFEE_PANIC, "l1vmm at level 1 panicked: oh"},
		{"l1vmm / micro", "what is x=1?\n@end image=l1vmm status=refused\n", BOCHS_SHUTDOWN,
		 "", VMFEE_USAGE, "l1vmm at level 0 refused to start: what is x=1?"},
		{"l1vmm / micro",
		 "@stop reason=triple-fault vcpu=0\n@end image=l1vmm status=guest-stopped\n",
		 BOCHS_SHUTDOWN, "", VMFEE_GUEST,
		 "the guest failed to deliver a double fault and shut down: reason=triple-fault vcpu=0"},
		{"l1vmm / micro", "@stop reason=whim\n@end image=l1vmm status=guest-stopped\n",
		 BOCHS_SHUTDOWN, "", VMFEE_GUEST, "the guest was stopped: reason=whim"},
		{"l1vmm / micro",
		 "@stop reason=image-refused error=overlap\n@end image=l1vmm status=guest-stopped\n",
		 BOCHS_SHUTDOWN, "", VMFEE_IMAGE,
		 "the guest's image cannot be loaded: reason=image-refused error=overlap"},
		{"l1vmm / micro", "@end image=l1vmm status=guest-stopped\n", BOCHS_SHUTDOWN, "",
		 VMFEE_GUEST, "l1vmm at level 0 stopped its guest"},
		{"l1vmm / micro",
		 "|@fail name=chase why=wrong-sum\n|@end image=micro status=fail\n"
		 "@end image=l1vmm status=guest-failure\n",
		 BOCHS_SHUTDOWN, "", VMFEE_GUEST, "micro: benchmark 'chase' failed: wrong-sum"},
		{"l1vmm / micro",
		 "|\x1b[2Jhe\tlp\n|@end image=micro status=fail\n"
		 "@end image=l1vmm status=guest-failure\n",
		 BOCHS_SHUTDOWN, "", VMFEE_GUEST, "micro at level 1 failed: ?[2Jhe?lp"},
		{"l1vmm / micro", "@end image=l1vmm status=ok\n", BOCHS_SHUTDOWN, "", VMFEE_GUEST,
		 "micro ended without an @end line"},
		{"micro", "", BOCHS_SHUTDOWN, "", VMFEE_GUEST,
		 "micro at level 0 ended without an @end line"},
		{"l1vmm / micro", GUEST_OK, BOCHS_SHUTDOWN, "", VMFEE_PANIC,
		 "l1vmm at level 0 ended without an @end line"},
		{"micro", "", BOCHS_WATCHDOG, "", VMFEE_WATCHDOG,
		 "the watchdog ended it after 2000 million ticks"},
		{"l1vmm / micro", ALL_OK, BOCHS_WATCHDOG, "", VMFEE_WATCHDOG, "the watchdog"},
		{"micro", "half a li", BOCHS_WATCHDOG, "", VMFEE_WATCHDOG, "the watchdog"},
		{"micro", "", BOCHS_TRIPLE_FAULT, "3rd (13) exception", VMFEE_GUEST,
		 "micro at level 0 ended in a triple fault: 3rd (13) exception"},
		{"l1vmm / micro", "", BOCHS_TRIPLE_FAULT, "3rd (13) exception", VMFEE_PANIC,
		 "l1vmm at level 0 ended in a triple fault"},
		{"micro", "", BOCHS_BROKEN, "bochsrc:4: cpu directive malformed.", VMFEE_USAGE,
		 "cpu = 'model' is not possible: this Bochs has no such model"},
		{"l1vmm / micro", ALL_OK, BOCHS_BROKEN, "killed by signal 9", VMFEE_SYSTEM,
		 "Bochs gave up: killed by signal 9"},
		{"l1vmm / micro", "", BOCHS_BROKEN,
		 "ata0-0: could not write() hard drive image file at byte 0", VMFEE_DISK,
		 "could not write()"},
		{"micro",
		 "@bench name=a component=timer ops=1 samples=2 begin=1 end=2 expect=-\n"
		 "@end image=micro status=ok\n",
		 BOCHS_SHUTDOWN, "", VMFEE_GUEST, "benchmark 'a' announced 2 samples, 0 came"},
		{"micro",
		 "@bench name=a component=timer ops=1 samples=2 begin=1 end=2 expect=-\n"
		 "@sample name=a ticks=9x2\n@end image=micro status=ok\n",
		 BOCHS_SHUTDOWN, "", VMFEE_GUEST, "micro has no benchmark 'empty'"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmfee_error err = {0};
		struct stack stack;
		struct machine_end machine = {rows[i].end, rows[i].message, 2000, "model",
					      VMFEE_OK};
		cr_assert_eq(stack_parse(&stack, rows[i].stack, &err), 0, "%s", err.text);
		struct console *console = rig_console(stack.levels, rows[i].console);
		int failed = verdict(&stack, console, &machine, &err);
		cr_expect_eq(err.status, rows[i].status, "row %zu: %s", i, err.text);
		cr_expect_eq(failed, rows[i].status == VMFEE_OK ? 0 : -1, "row %zu", i);
		cr_expect_not_null(strstr(err.text, rows[i].why), "row %zu: %s", i, err.text);
		rig_console_free(console);
	}
}

/* A launcher says itself how it ended; of a guest's failure the console has more to say. */
Test(verdict, a_launcher_ends_with_a_status_of_vmfee)
{
	static const struct {
		const char *stack, *console, *message;
		enum vmfee_status launcher;
		int status;
		const char *why;
	} rows[] = {
		{"micro", "@end image=micro status=ok\n", "", VMFEE_OK, VMFEE_OK, ""},
		{"micro", "", "", VMFEE_OK, VMFEE_GUEST, "ended without an @end line"},
		{"kvm / micro", "|@end image=micro status=ok\n@end image=kvm status=ok\n", "",
		 VMFEE_OK, VMFEE_OK, ""},
		{"kvm / micro", "@end image=kvm status=refused\n", "no permission", VMFEE_PLATFORM,
		 VMFEE_PLATFORM, "no permission"},
		{"kvm / micro",
		 "|@end image=micro status=ok\n@end image=kvm status=guest-stopped\n",
		 "took longer", VMFEE_WATCHDOG, VMFEE_WATCHDOG, "took longer"},
		{"kvm / micro",
		 "|oh\n|@end image=micro status=fail\n@end image=kvm status=guest-failure\n",
		 "ended with status 1", VMFEE_GUEST, VMFEE_GUEST, "micro at level 1 failed: oh"},
		{"micro", "", "a triple fault", VMFEE_GUEST, VMFEE_GUEST, "a triple fault"},
		{"micro", "@end image=micro status=ok\n", "killed by signal 9", VMFEE_SYSTEM,
		 VMFEE_SYSTEM, "killed by signal 9"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmfee_error err = {0};
		struct stack stack;
		struct machine_end machine = {.end = BOCHS_SHUTDOWN,
					      .message = rows[i].message,
					      .launcher = rows[i].launcher};
		cr_assert_eq(stack_parse(&stack, rows[i].stack, &err), 0, "%s", err.text);
		struct console *console = rig_console(stack.levels, rows[i].console);
		int failed = verdict(&stack, console, &machine, &err);
		cr_expect_eq(err.status, rows[i].status, "row %zu: %s", i, err.text);
		cr_expect_eq(failed, rows[i].status == VMFEE_OK ? 0 : -1, "row %zu", i);
		cr_expect_not_null(strstr(err.text, rows[i].why), "row %zu: %s", i, err.text);
		rig_console_free(console);
	}
}
