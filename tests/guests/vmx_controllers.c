/*
 * The interrupt controllers' interrupt while a guest runs: its hypervisor's, or its own (SDM volume
 * 3, 11.4.3, 25.6.1 and 26.2).  It comes from the board's timer, by the local APIC's LINT0.
 */
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "tests/guests/board.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

#define VECTOR_PIC 0x30
#define INJECTED   0x51
#define NMI	   0x400      /* x2APIC ICR: an NMI to APIC 0, this one */
#define FAR	   UINT32_MAX /* the preemption timer: it runs, and does not end */

L2_CODE(l2_turns, "jmp l2_turns");
L2_CODE(l2_sleeps, "sti; hlt; l2_awake: vmcall");
L2_CODE(l2_unmasks, "sti; nop; vmcall");
L2_CODE(l2_gets, "vmcall");
L2_CODE(l2_gets_more, "sti; nop; l2_turns_on: jmp l2_turns_on");
extern const char l2_awake[];

static unsigned taken, nmis_taken;

static void count(struct trap_frame *frame)
{
	(void)frame;
	taken++;
	out8(PIC_FIRST_COMMAND, PIC_END);
}

/* The hypervisor takes the interrupt that waits, if there is one. */
static unsigned take(void)
{
	unsigned before = taken;

	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	return taken - before;
}

static void begin(const char *name, const void *rip)
{
	report_running(name);
	l1_new_guest(rip);
}

static void let_exit(bool acknowledge)
{
	l1_set(CONTROL_PIN, CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING, true);
	l1_set(CONTROL_EXIT, CONTROL_EXIT_ACKNOWLEDGE_INTERRUPT, acknowledge);
}

static void open_guest(void)
{
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
}

/* It comes later. */
static void start(void)
{
	pit_count(PIT_0_ONCE, PIT_0, PIT_MILLISECOND);
}

static void expect_exit(const void *rip, bool acknowledged)
{
	l1_expect(EXIT_REASON_EXTERNAL_INTERRUPT, rip);
	expect("information", vmread(VMCS_EXIT_INTR_INFO),
	       acknowledged ? INTR_INFO_VALID | INTR_TYPE_EXTERNAL | VECTOR_PIC : 0);
	expect("waiting", take(), !acknowledged);
	if (acknowledged)
		out8(PIC_FIRST_COMMAND, PIC_END);
	expect("over", take(), 0);
}

static void exits(bool acknowledge)
{
	begin("controllers-spin", l2_turns);
	let_exit(acknowledge);
	open_guest();
	start();
	expect_exit(l2_turns, acknowledge);

	report_running("controllers-entry");
	pit_raise_0();
	expect_exit(l2_turns, acknowledge);

	begin("controllers-halt", l2_sleeps);
	let_exit(acknowledge);
	start();
	expect_exit(l2_awake, acknowledge);

	report_running("controllers-halted");
	vmwrite(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_HLT);
	start();
	expect_exit(l2_awake, acknowledge);

	begin("controllers-halt-timer", l2_sleeps);
	let_exit(acknowledge);
	l1_set(CONTROL_PIN, CONTROL_PIN_PREEMPTION_TIMER, true);
	vmwrite(VMCS_PREEMPTION_TIMER_VALUE, FAR);
	start();
	expect_exit(l2_awake, acknowledge);
}

/* What comes with an event that the guest gets first is not lost, nor is that one. */
static void exits_behind_events(void)
{
	begin("controllers-behind-injection", l2_turns);
	let_exit(true);
	open_guest();
	trap_gate(INJECTED, l2_gets_more);
	pit_raise_0();
	vmwrite(VMCS_ENTRY_INTR_INFO, INTR_INFO_VALID | INTR_TYPE_EXTERNAL | INJECTED);
	expect_exit(NULL, true);
	expect("injected", vmread(VMCS_GUEST_RIP) >= (uint64_t)l2_gets_more, true);
	trap_gate(INJECTED, NULL);
}

/* The guest's blocking of NMIs is none while this one keeps the second from the hypervisor. */
static void enter_with_both(struct trap_frame *frame)
{
	(void)frame;
	if (nmis_taken++)
		return;
	pit_raise_0();
	wrmsr(MSR_X2APIC_ICR, NMI);
	trap_gate(VECTOR_NMI, l2_gets_more);
	expect_exit(NULL, true);
	trap_gate(VECTOR_NMI, NULL);
	expect("nmi", vmread(VMCS_GUEST_INTERRUPTIBILITY) & BLOCKING_BY_NMI, BLOCKING_BY_NMI);
}

static void exits_behind_nmi(void)
{
	begin("controllers-behind-nmi", l2_turns);
	let_exit(true);
	open_guest();
	nmis_taken = 0;
	trap_handle(VECTOR_NMI, enter_with_both);
	wrmsr(MSR_X2APIC_ICR, NMI);
	expect("nmis", nmis_taken, 1);
}

static void passed_on(void)
{
	static const char *const from[] = {l2_turns, l2_unmasks, l2_sleeps};

	for (unsigned waits = 0; waits < 2; waits++)
		for (unsigned i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
			if (from[i] == l2_unmasks && !waits)
				continue;
			begin("controllers-passed", from[i]);
			if (from[i] == l2_turns)
				open_guest();
			trap_gate(VECTOR_PIC, l2_gets);
			if (waits)
				pit_raise_0();
			else
				start();
			l1_expect(EXIT_REASON_VMCALL, l2_gets);
			trap_gate(VECTOR_PIC, NULL);
			expect("waiting", take(), 0);
			out8(PIC_FIRST_COMMAND, PIC_END);
			expect("over", take(), 0);
		}
}

void interrupts_of_controllers(void)
{
	pic_initialize(PIC_FIRST_COMMAND, VECTOR_PIC, 0x04);
	trap_handle(VECTOR_PIC, count);
	wrmsr(MSR_X2APIC_LVT_LINT0, LVT_EXTINT);
	out8(PIC_FIRST_DATA, PIC_TIMER_ALONE);
	exits(false);
	exits(true);
	exits_behind_events();
	exits_behind_nmi();
	passed_on();
	out8(PIC_FIRST_DATA, UINT8_MAX);
	wrmsr(MSR_X2APIC_LVT_LINT0, LVT_MASKED);
	pit_stop_0();
}
