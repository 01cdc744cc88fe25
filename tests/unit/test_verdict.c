#include "bench/verdict.h"

#include <criterion/criterion.h>

#include <string.h>

#include "tests/unit/bench_rig.h"

#define GUEST_OK "|@end image=micro status=ok\n"
#define ALL_OK	 GUEST_OK "@end image=l1vmm status=ok\n"

Test(verdict, every_way_to_end_has_its_status_and_its_reason)
{
	static const struct {
		unsigned levels;
		const char *console;
		enum bochs_end end;
		const char *message;
		int status;
		const char *why;
	} rows[] = {
		{2, ALL_OK, BOCHS_SHUTDOWN, "", VMFEE_OK, ""},
		{1, "@end image=micro status=ok\n", BOCHS_SHUTDOWN, "", VMFEE_OK, ""},
		{1, "@end image=micro status=ok", BOCHS_SHUTDOWN, "", VMFEE_GUEST,
		 "without an @end line"},
		{2, "@end image=l1vmm status=panic\n", BOCHS_SHUTDOWN, "", VMFEE_PANIC,
		 "the hypervisor at level 0 panicked"},
		{3, "|@end image=l1vmm status=panic\n@end image=l1vmm status=guest-failure\n",
		 BOCHS_SHUTDOWN, "", VMFEE_PANIC, "the hypervisor at level 1 panicked"},
		{2, "@stop reason=triple-fault vcpu=0\n@end image=l1vmm status=guest-stopped\n",
		 BOCHS_SHUTDOWN, "", VMFEE_GUEST,
		 "the guest was stopped: reason=triple-fault vcpu=0"},
		{2, "@end image=l1vmm status=guest-stopped\n", BOCHS_SHUTDOWN, "", VMFEE_GUEST,
		 "the hypervisor at level 0 stopped its guest"},
		{2,
		 "|@fail name=chase why=wrong-sum\n|@end image=micro status=fail\n"
		 "@end image=l1vmm status=guest-failure\n",
		 BOCHS_SHUTDOWN, "", VMFEE_GUEST, "benchmark 'chase' failed: wrong-sum"},
		{2, "|@end image=micro status=fail\n@end image=l1vmm status=guest-failure\n",
		 BOCHS_SHUTDOWN, "", VMFEE_GUEST, "level 1 ended with a failure"},
		{2, "@end image=l1vmm status=ok\n", BOCHS_SHUTDOWN, "", VMFEE_GUEST,
		 "the workload ended without an @end line"},
		{1, "", BOCHS_SHUTDOWN, "", VMFEE_GUEST, "shut down without an @end line"},
		{2, GUEST_OK, BOCHS_SHUTDOWN, "", VMFEE_PANIC, "shut down without an @end line"},
		{1, "", BOCHS_WATCHDOG, "", VMFEE_WATCHDOG,
		 "did not end within 2000 million ticks"},
		{2, ALL_OK, BOCHS_WATCHDOG, "", VMFEE_WATCHDOG, "did not end within"},
		{1, "half a li", BOCHS_WATCHDOG, "", VMFEE_WATCHDOG, "did not end within"},
		{1, "", BOCHS_TRIPLE_FAULT, "3rd (13) exception", VMFEE_GUEST,
		 "the guest ended in a triple fault: 3rd (13) exception"},
		{2, "", BOCHS_TRIPLE_FAULT, "3rd (13) exception", VMFEE_PANIC,
		 "the hypervisor ended in a triple fault"},
		{2, ALL_OK, BOCHS_BROKEN, "killed by signal 9", VMFEE_SYSTEM,
		 "Bochs gave up: killed by signal 9"},
		{2, "", BOCHS_BROKEN, "ata0-0: could not write() hard drive image file at byte 0",
		 VMFEE_DISK, "could not write()"},
		{1,
		 "@bench name=a component=timer ops=1 samples=2 begin=1 end=2 expect=-\n"
		 "@end image=micro status=ok\n",
		 BOCHS_SHUTDOWN, "", VMFEE_GUEST, "benchmark 'a' announced 2 samples, 0 came"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmfee_error err = {0};
		struct console *console = rig_console(rows[i].levels, rows[i].console);
		int failed = verdict(console, rows[i].end, rows[i].message, 2000, &err);
		cr_expect_eq(err.status, rows[i].status, "row %zu: %s", i, err.text);
		cr_expect_eq(failed, rows[i].status == VMFEE_OK ? 0 : -1, "row %zu", i);
		cr_expect_not_null(strstr(err.text, rows[i].why), "row %zu: %s", i, err.text);
		rig_console_free(console);
	}
}
