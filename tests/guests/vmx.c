/*
 * Is the VMX of this machine the SDM's?  A hypervisor that checks, feature by feature, what it
 * finds after the exits of its guest: the same image on a processor and upon l1vmm.  `case=NAME`
 * runs the cases of one feature only; with `cpus=2` those are run that take a second processor.
 */
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/start.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/lib/cmdline.h"
#include "l1vmm/lib/string.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What may pass between a timer's end and its exit to the image, in ticks. */
#define SLACK 30000

L2_CODE(l2_calls, "vmcall; vmcall; vmcall; vmcall");
L2_CODE(l2_spins, "jmp l2_spins");
/* WBINVD exits to a hypervisor below that keeps it from its guests. */
L2_CODE(l2_flushes, "wbinvd; jmp l2_flushes");
L2_CODE(l2_halts, "hlt; l2_halted: vmcall");
extern const char l2_halted[];

static void begin(const char *name, const void *rip)
{
	report_running(name);
	l1_new_guest(rip);
}

static unsigned timer_rate(void)
{
	return rdmsr(MSR_IA32_VMX_MISC) & 0x1f;
}

static void set_timer(uint32_t value, bool save)
{
	l1_set(CONTROL_PIN, CONTROL_PIN_PREEMPTION_TIMER, true);
	l1_set(CONTROL_EXIT, CONTROL_EXIT_SAVE_PREEMPTION_TIMER, save);
	vmwrite(VMCS_PREEMPTION_TIMER_VALUE, value);
}

/* The guest is stopped when `count` units of the timer are over, and not much later. */
static void expect_timer(uint32_t count, const void *rip)
{
	uint64_t start = rdtsc_ordered(), passed;

	l1_expect(EXIT_REASON_PREEMPTION_TIMER, rip);
	passed = rdtsc_ordered() - start;
	if (passed < (uint64_t)count << timer_rate() ||
	    passed > ((uint64_t)count << timer_rate()) + SLACK)
		fail("timer passed=%lu count=%u", passed, count);
}

static void timer_ends_a_guest(const char *name, const void *rip)
{
	begin(name, rip);
	set_timer(5000, false);
	expect_timer(5000, NULL);
	expect("value", vmread(VMCS_PREEMPTION_TIMER_VALUE), 5000);
	expect_timer(5000, NULL);
	l1_set(CONTROL_EXIT, CONTROL_EXIT_SAVE_PREEMPTION_TIMER, true);
	expect_timer(5000, NULL);
	expect("value", vmread(VMCS_PREEMPTION_TIMER_VALUE), 0);
	expect_timer(0, NULL);
}

/* SDM volume 3, 26.5.1 and 28.3.1. */
static void preemption_timer(void)
{
	uint64_t left;

	timer_ends_a_guest("timer-spin", l2_spins);
	timer_ends_a_guest("timer-flush", l2_flushes);
	begin("timer-zero", l2_calls);
	set_timer(0, false);
	expect_timer(0, l2_calls);
	begin("timer-kept", l2_calls);
	set_timer(100000, false);
	l1_expect(EXIT_REASON_VMCALL, l2_calls);
	expect("value", vmread(VMCS_PREEMPTION_TIMER_VALUE), 100000);
	report_running("timer-saved");
	l1_set(CONTROL_EXIT, CONTROL_EXIT_SAVE_PREEMPTION_TIMER, true);
	l1_expect(EXIT_REASON_VMCALL, l2_calls);
	left = vmread(VMCS_PREEMPTION_TIMER_VALUE);
	if (left > 100000 || left < 100000 - SLACK)
		fail("saved left=%lu", left);
	begin("timer-halt", l2_halts);
	set_timer(20000, false);
	expect_timer(20000, l2_halted);
	expect("activity", vmread(VMCS_GUEST_ACTIVITY_STATE), ACTIVITY_HLT);
	expect_timer(20000, l2_halted);
}

L2_CODE(l2_steps, "nop; l2_step_1: wbinvd; l2_step_2: jmp l2_step_3; ud2; l2_step_3: vmcall");
extern const char l2_step_1[], l2_step_2[], l2_step_3[];
L2_CODE(l2_handles, "vmcall");

/* SDM volume 3, 26.5.2. */
static void monitor_trap_flag(void)
{
	begin("mtf-steps", l2_steps);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_MONITOR_TRAP_FLAG, true);
	l1_expect(EXIT_REASON_MONITOR_TRAP_FLAG, l2_step_1);
	l1_expect(EXIT_REASON_MONITOR_TRAP_FLAG, l2_step_2);
	l1_expect(EXIT_REASON_MONITOR_TRAP_FLAG, l2_step_3);
	l1_expect(EXIT_REASON_VMCALL, l2_step_3);

	/* The delivery of an event that is injected ends before it. */
	begin("mtf-event", l2_steps);
	trap_gate(0x50, l2_handles);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_MONITOR_TRAP_FLAG, true);
	vmwrite(VMCS_ENTRY_INTR_INFO, INTR_INFO_VALID | INTR_TYPE_EXTERNAL | 0x50);
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
	l1_expect(EXIT_REASON_MONITOR_TRAP_FLAG, l2_handles);
	trap_gate(0x50, NULL);

	begin("mtf-pending", l2_steps);
	vmwrite(VMCS_ENTRY_INTR_INFO, INTR_INFO_VALID | INTR_TYPE_OTHER);
	l1_expect(EXIT_REASON_MONITOR_TRAP_FLAG, l2_steps);
	l1_expect(EXIT_REASON_VMCALL, NULL);
}

struct feature {
	const char *name;
	void (*run)(void);
};

static const struct feature features[] = {
	{"timer", preemption_timer},
	{"mtf", monitor_trap_flag},
	{"debug", debugging},
	{"windows", interrupt_windows},
	{"interrupts", interrupts},
	{"nmis", nmis},
	{"priority", task_priority},
	{"apic", virtualized_apic},
	{"faults", faults_in_delivery},
	{"vmfunc", eptp_switching},
	{"invvpid", invvpid_types},
	{"vmcall", vmcall_in_root},
	{"paging", own_paging},
	{"memory", memory_left_alone},
	{"shadowing", vmcs_shadowing},
	{"hostile", hostile_hypervisor},
	{"vectoring", told_of_vectoring},
};

static const struct feature features_of_two[] = {
	{"pair", two_processors},
	{"pair-hostile", hostile_pair},
	{"refused", refused_entries},
	{"vectoring-pair", vectoring_interrupted},
	{"pair-left", leave_second_running},
};

static void run(const struct feature *feature, size_t count, const char *cmdline)
{
	char only[16];
	bool all = cmdline_get(cmdline, "case", only, sizeof(only)) != CMDLINE_FOUND;

	for (; count > 0; count--, feature++)
		if (all || strcmp(only, feature->name) == 0)
			feature->run();
}

void guest_main(const struct start_info_view *boot)
{
	char cpus[8];
	bool told;

	report_image("vmx");
	l1_start(0);
	if (cmdline_get(boot->cmdline, "cpus", cpus, sizeof(cpus)) == CMDLINE_FOUND) {
		run(features_of_two, COUNT(features_of_two), boot->cmdline);
		return;
	}
	told = l1_ask_for_page();
	run(features, COUNT(features), boot->cmdline);
	if (told) {
		begin("told-no-more", l2_calls);
		l1_decline_page();
	}
	report_running(NULL);
}
