/*
 * A second processor that is a hypervisor, too, and the first one interrupts it: by vectors, NMIs
 * and INITs, whether it runs or its guest does or is halted.
 */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/random.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "nesting/capability.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

#define SENT	 0x52 /* vectors */
#define RETURN	 0x53
#define ICR_NMI	 0x400
#define ICR_INIT 0x4500
#define ROUNDS	 150
#define APART	 6000		     /* ticks between two of a round, at most */
#define PATIENCE UINT64_C(100000000) /* in which each has come */
#define TURNS	 1000

L2_CODE(l2_pair_spins, "jmp l2_pair_spins");
L2_CODE(l2_pair_calls, "vmcall; jmp l2_pair_calls");
L2_CODE(l2_pair_halts, "hlt; jmp l2_pair_halts");

/* Of the second processor: the guest that it runs, and what it has had of each kind. */
static struct {
	const char *rip;
	uint64_t rflags;
	bool steps; /* by one instruction at a time */
	bool over;
	uint64_t vectors, nmis, inits, turns;
	bool went_on;
} pair;

static uint64_t load(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static void add(uint64_t *value)
{
	__atomic_store_n(value, *value + 1, __ATOMIC_RELEASE);
}

static bool is_over(void)
{
	return __atomic_load_n(&pair.over, __ATOMIC_ACQUIRE);
}

/* Not all of this is right on Bochs itself: docs/interrupts.md. */
static bool on_bochs(void)
{
	return !(cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR);
}

static void take_nmi(struct trap_frame *frame)
{
	(void)frame;
	add(&pair.nmis);
}

static void just_return(struct trap_frame *frame)
{
	(void)frame;
}

/* An exit for an NMI has blocked them. */
static void unblock_nmis(void)
{
	__asm__ volatile("int %0" : : "i"(RETURN) : "memory");
}

static void take_exit(uint64_t reason)
{
	switch (reason) {
	case EXIT_REASON_EXTERNAL_INTERRUPT:
		expect("vector", vmread(VMCS_EXIT_INTR_INFO),
		       INTR_INFO_VALID | INTR_TYPE_EXTERNAL | SENT);
		apic_eoi();
		add(&pair.vectors);
		break;
	case EXIT_REASON_EXCEPTION_NMI:
		expect("nmi", vmread(VMCS_EXIT_INTR_INFO),
		       INTR_INFO_VALID | INTR_TYPE_NMI | VECTOR_NMI);
		add(&pair.nmis);
		unblock_nmis();
		break;
	case EXIT_REASON_INIT_SIGNAL:
		add(&pair.inits);
		break;
	case EXIT_REASON_VMCALL:
		l1_skip();
		break;
	case EXIT_REASON_MONITOR_TRAP_FLAG:
		break;
	default:
		fail("exit-reason found=0x%lx rip=0x%lx", reason, vmread(VMCS_GUEST_RIP));
	}
}

static void run_guest(void)
{
	l1_start(1);
	l1_new_guest(pair.rip);
	l1_set(CONTROL_PIN,
	       CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING | CONTROL_PIN_NMI_EXITING |
		       CONTROL_PIN_VIRTUAL_NMIS,
	       true);
	l1_set(CONTROL_EXIT, CONTROL_EXIT_ACKNOWLEDGE_INTERRUPT, true);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_MONITOR_TRAP_FLAG, pair.steps);
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | pair.rflags);
	while (!is_over())
		take_exit(l1_run());
	l1_stop();
}

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
	return random_from(&random_state, limit);
}

static void wait(uint64_t ticks)
{
	uint64_t start = rdtsc_ordered();

	while (rdtsc_ordered() - start < ticks)
		pause();
}

static void send(uint32_t icr)
{
	wait(random_below(APART));
	wrmsr(MSR_X2APIC_ICR, (uint64_t)second_apic_id() << 32 | icr);
}

static void await(const char *what, const uint64_t *count, uint64_t number)
{
	uint64_t start = rdtsc_ordered();

	while (load(count) < number && rdtsc_ordered() - start < PATIENCE)
		pause();
	expect(what, load(count), number);
}

static void interrupt_guest(const char *name, const char *rip, uint64_t rflags)
{
	bool vectors = !on_bochs() || (rflags & RFLAGS_IF), inits = !on_bochs();

	report_running(name);
	pair.rip = rip;
	pair.rflags = rflags;
	pair.over = false;
	pair.vectors = pair.nmis = pair.inits = 0;
	second_begin(run_guest);
	for (uint64_t number = 1; number <= ROUNDS; number++) {
		if (vectors)
			send(SENT);
		send(ICR_NMI);
		if (inits)
			send(ICR_INIT);
		await("vectors", &pair.vectors, vectors ? number : 0);
		await("nmis", &pair.nmis, number);
		await("inits", &pair.inits, inits ? number : 0);
	}
	__atomic_store_n(&pair.over, true, __ATOMIC_RELEASE);
	send(ICR_NMI);
	second_finish();
	await("nmis", &pair.nmis, ROUNDS + 1);
}

static void leave_operation(void)
{
	l1_start(1);
	while (!is_over())
		add(&pair.turns);
	l1_stop();
	pair.went_on = true;
	for (;;)
		pause();
}

/* SDM volume 3, 24.8: what is blocked comes behind VMXOFF, and a start-up message ends it. */
static void blocked_init(void)
{
	uint64_t before;

	report_running("pair-init-blocked");
	pair.over = pair.went_on = false;
	pair.turns = 0;
	second_begin(leave_operation);
	while (load(&pair.turns) < TURNS)
		pause();
	send(ICR_INIT);
	before = load(&pair.turns);
	while (load(&pair.turns) < before + TURNS)
		pause();
	__atomic_store_n(&pair.over, true, __ATOMIC_RELEASE);
	wait(PATIENCE / 100);
	expect("went-on", pair.went_on, false);
	second_restart(NULL);
}

#define ICR_STARTUP 0x4600
#define STARTUP	    0x12

/* Of the second processor: its guest waits for a start-up message, then for what came before that.
 */
static void run_waiting(void)
{
	l1_start(1);
	l1_new_guest(l2_pair_spins);
	l1_set(CONTROL_PIN, CONTROL_PIN_NMI_EXITING | CONTROL_PIN_VIRTUAL_NMIS, true);
	for (unsigned i = 0; i < ROUNDS; i++) {
		vmwrite(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_WAIT_FOR_SIPI);
		l1_expect(EXIT_REASON_SIPI, l2_pair_spins);
		expect("vector", vmread(VMCS_EXIT_QUALIFICATION), STARTUP);
		if (!on_bochs()) /* which saves another */
			expect("activity", vmread(VMCS_GUEST_ACTIVITY_STATE),
			       ACTIVITY_WAIT_FOR_SIPI);
		add(&pair.turns);
		vmwrite(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
		take_exit(l1_run());
	}
	l1_stop();
}

/* One that comes too early is void, so it is sent until it has been taken. */
static void start_up(uint64_t number)
{
	uint64_t start = rdtsc_ordered();

	while (load(&pair.turns) < number && rdtsc_ordered() - start < PATIENCE)
		send(ICR_STARTUP | STARTUP);
	await("startups", &pair.turns, number);
}

/* SDM volume 3, 26.2. */
static void wait_for_startup(void)
{
	if (!(rdmsr(MSR_IA32_VMX_MISC) & VMX_MISC_ACTIVITY_SIPI))
		return;
	report_running("pair-startup");
	pair.turns = pair.nmis = 0;
	second_begin(run_waiting);
	for (uint64_t number = 1; number <= ROUNDS; number++) {
		start_up(number);
		send(ICR_NMI);
		await("nmis", &pair.nmis, number);
	}
	second_finish();
}

void two_processors(void)
{
	apic_enable();
	trap_handle(VECTOR_NMI, take_nmi);
	trap_handle(RETURN, just_return);
	interrupt_guest("pair-spin", l2_pair_spins, RFLAGS_IF);
	interrupt_guest("pair-exits", l2_pair_calls, RFLAGS_IF);
	interrupt_guest("pair-halted", l2_pair_halts, RFLAGS_IF);
	interrupt_guest("pair-masked", l2_pair_spins, 0);
	pair.steps = true;
	interrupt_guest("pair-steps", l2_pair_spins, 0);
	pair.steps = false;
	wait_for_startup();
	if (!on_bochs())
		blocked_init();
	interrupt_guest("pair-again", l2_pair_calls, RFLAGS_IF);
}

/* The machine ends while the guest runs. */
void leave_second_running(void)
{
	report_running("pair-left");
	apic_enable();
	pair.rip = l2_pair_spins;
	pair.rflags = 0;
	pair.over = false;
	second_begin(run_guest);
	wait(PATIENCE / 100);
}
