/*
 * Entries that a processor refuses behind a check that they have passed: the priority of the guest
 * falls below its threshold while MSRs are loaded for it (SDM volume 3, 27.2.1.1).  By then a
 * hypervisor below has had the guest take an interrupt or NMI of its hypervisor's, or has set the
 * hypervisor's clock.
 */
#include <stdbool.h>

#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "nesting/entry_checks.h"
#include "tests/guests/board.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

#define OTHER 0x50 /* vectors */
#define TIMER 0x51
#define PIC   0x58
#define NMI   0x400 /* x2APIC ICR: an NMI to APIC 0, this one */

#define VTPR	       (0x80 / 4)
#define THRESHOLD      5
#define ENOUGH	       (THRESHOLD << 4)
#define ERROR_CONTROLS 7

#define MSRS	   512 /* as many as each processor loads */
#define ROUNDS	   12
#define APART	   UINT64_C(8000)  /* ticks */
#define CHECKED	   3		   /* times that, and the checks are over */
#define LOADED	   UINT64_C(70000) /* which only an entry takes that is refused behind the loads */
#define TIMER_RUNS 1000
#define TIME_AHEAD (UINT64_C(1) << 40)
#define FAR	   UINT64_C(1000000000)
#define NEAR	   UINT64_C(100000)

L2_CODE(l2_refused, "jmp l2_refused");
L2_CODE(l2_not_refused, "vmcall");
/* WBINVD exits to a hypervisor below that keeps it from its guests. */
L2_CODE(l2_flushes_on, "incq (%rdi); wbinvd; jmp l2_flushes_on");

static struct entry_msr msrs[MSRS] __attribute__((aligned(16)));
static uint32_t virtual_apic[PAGE_SIZE / 4] __attribute__((aligned(PAGE_SIZE)));
static uint8_t msr_bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t begun, lowered; /* rounds, and those in which it is lower now */
static unsigned taken, late;
static uint64_t error;

/* The second processor lowers the priority, each time later. */
static void lower_priority(void)
{
	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint64_t start;

		while (__atomic_load_n(&begun, __ATOMIC_ACQUIRE) <= round)
			pause();
		start = rdtsc_ordered();
		while (rdtsc_ordered() - start < (round + CHECKED) * APART)
			pause();
		__atomic_store_n(&virtual_apic[VTPR], 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&lowered, round + 1, __ATOMIC_RELEASE);
	}
}

static void begin(const char *name)
{
	report_running(name);
	l1_new_guest(l2_refused);
	for (unsigned i = 0; i < MSRS; i++)
		msrs[i] = (struct entry_msr){.index = MSR_IA32_SYSENTER_ESP};
	vmwrite(VMCS_ENTRY_MSR_LOAD_ADDR, (uint64_t)msrs);
	vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, MSRS);
	vmwrite(VMCS_MSR_BITMAP, (uint64_t)msr_bitmap);
	vmwrite(VMCS_VIRTUAL_APIC_PAGE_ADDR, (uint64_t)virtual_apic);
	vmwrite(VMCS_TPR_THRESHOLD, THRESHOLD);
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
	l1_set(CONTROL_PRIMARY,
	       (uint32_t)(CONTROL_PRIMARY_USE_MSR_BITMAPS | CONTROL_PRIMARY_USE_TPR_SHADOW), true);
	l1_set(CONTROL_PRIMARY,
	       CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING, false);
}

/* Whether the entry is refused: the guest has taken what there was if it is not. */
static bool is_refused(void)
{
	uint64_t start;

	__atomic_store_n(&virtual_apic[VTPR], ENOUGH, __ATOMIC_SEQ_CST);
	__atomic_store_n(&begun, begun + 1, __ATOMIC_RELEASE);
	start = rdtsc_ordered();
	error = l1_try();
	if (error)
		expect("error", error, ERROR_CONTROLS);
	late += error && rdtsc_ordered() - start > LOADED;
	while (__atomic_load_n(&lowered, __ATOMIC_ACQUIRE) < begun)
		pause();
	return error;
}

static void count(struct trap_frame *frame)
{
	(void)frame;
	taken++;
}

/* The hypervisor takes the interrupt that waits, if there is one. */
static unsigned take(void)
{
	unsigned before = taken;

	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	return taken - before;
}

static void interrupted(void)
{
	begin("refused-interrupt");
	trap_gate(OTHER, l2_not_refused);
	wrmsr(MSR_X2APIC_SELF_IPI, OTHER);
	is_refused();
	trap_gate(OTHER, NULL);
	if (!error)
		apic_eoi();
	expect("taken", take(), error != 0);
	if (error)
		apic_eoi();
	expect("over", take(), 0);
}

static void count_pic(struct trap_frame *frame)
{
	count(frame);
	out8(PIC_FIRST_COMMAND, PIC_END);
}

/* That of the interrupt controllers, whose vector the local APIC has in service, too. */
static void interrupted_by_controllers(void)
{
	begin("refused-controllers");
	wrmsr(MSR_X2APIC_SELF_IPI, PIC);
	take();
	pit_raise_0();
	trap_gate(PIC, l2_not_refused);
	is_refused();
	trap_gate(PIC, NULL);
	expect("requested", pic_requests() & 1, error != 0);
	if (!error)
		out8(PIC_FIRST_COMMAND, PIC_END);
	expect("taken", take(), error != 0);
	apic_eoi();
	expect("over", take(), 0);
}

/* The first one keeps the second from the hypervisor, not from the guest. */
static void enter_with_nmi(struct trap_frame *frame)
{
	(void)frame;
	if (taken++)
		return;
	wrmsr(MSR_X2APIC_ICR, NMI);
	trap_gate(VECTOR_NMI, l2_not_refused);
	is_refused();
	trap_gate(VECTOR_NMI, NULL);
}

static void nmi(void)
{
	begin("refused-nmi");
	taken = 0;
	trap_handle(VECTOR_NMI, enter_with_nmi);
	wrmsr(MSR_X2APIC_ICR, NMI);
	expect("taken", taken, error ? 2 : 1);
}

/* Whatever the clock is now, the timer goes by it. */
static void clock(void)
{
	uint64_t before;

	begin("refused-clock");
	trap_gate(OTHER, l2_not_refused);
	wrmsr(MSR_X2APIC_SELF_IPI, OTHER);
	before = rdtsc_ordered();
	msrs[MSRS - 1] = (struct entry_msr){.index = MSR_IA32_TIME_STAMP_COUNTER,
					    .value = before + TIME_AHEAD};
	is_refused();
	trap_gate(OTHER, NULL);
	expect("taken", take(), error != 0);
	apic_eoi();
	apic_timer_deadline(TIMER);
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc_ordered() + FAR);
	expect("early", take(), 0);
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc_ordered() + NEAR);
	for (uint64_t start = rdtsc_ordered(); rdtsc_ordered() - start < FAR / 10;)
		if (take()) {
			apic_eoi();
			apic_timer_stop();
			if (rdtsc_ordered() - before > TIME_AHEAD / 2)
				wrmsr(MSR_IA32_TIME_STAMP_COUNTER, rdtsc_ordered() - TIME_AHEAD);
			return;
		}
	fail("no-timer");
}

/* The guest has run when it is refused: it goes on as if it had not been left. */
static void refused_later(void)
{
	static uint64_t turns;
	uint64_t before = turns;

	begin("refused-again");
	vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmwrite(VMCS_GUEST_RIP, (uint64_t)l2_flushes_on);
	l2_registers[L2_RDI] = (uint64_t)&turns;
	expect("refused", is_refused(), true);
	late += turns != before;
	__atomic_store_n(&virtual_apic[VTPR], ENOUGH, __ATOMIC_SEQ_CST);
	l1_set(CONTROL_PIN, CONTROL_PIN_PREEMPTION_TIMER, true);
	vmwrite(VMCS_PREEMPTION_TIMER_VALUE, TIMER_RUNS);
	l1_expect(EXIT_REASON_PREEMPTION_TIMER, NULL);
}

static void try_all(const char *name, void (*try)(void))
{
	begun = lowered = late = 0;
	second_begin(lower_priority);
	for (unsigned round = 0; round < ROUNDS; round++)
		try();
	second_finish();
	report_running(name);
	if (!late)
		fail("never-late");
}

static void try_controllers(void)
{
	pic_initialize(PIC_FIRST_COMMAND, PIC, 0x04);
	trap_handle(PIC, count_pic);
	wrmsr(MSR_X2APIC_LVT_LINT0, LVT_EXTINT);
	try_all("refused-controllers", interrupted_by_controllers);
	out8(PIC_FIRST_DATA, UINT8_MAX);
	wrmsr(MSR_X2APIC_LVT_LINT0, LVT_MASKED);
	pit_stop_0();
}

void refused_entries(void)
{
	/* Bochs itself takes a while for nothing. */
	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) ||
	    !l1_can(CONTROL_PRIMARY, CONTROL_PRIMARY_USE_TPR_SHADOW))
		return;
	apic_enable();
	trap_handle(OTHER, count);
	trap_handle(TIMER, count);
	/* First: that launches the VMCS which a hypervisor below has for it. */
	try_all("refused-again", refused_later);
	try_all("refused-interrupt", interrupted);
	try_controllers();
	try_all("refused-nmi", nmi);
	try_all("refused-clock", clock);
}
