/*
 * Events that come at moments which are hard to hit: each is tried at one tick after another.
 */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/start.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/cmdline.h"
#include "tests/guests/board.h"
#include "tests/guests/moments.h"

#define VECTOR_TIMER 0x60
#define VECTOR_COUNT 0x61
#define NMI_TO_SELF  0x400 /* x2APIC ICR: to APIC 0 */

/* What the interval timer counts from is over long after the deadline. */
#define PIT_COUNT 0xffff

/* From the least that a deadline can be ahead to behind the last of the exits. */
#define AHEAD_LEAST 20
#define AHEAD_MOST  4000
#define PATIENCE    8000
#define SHADOWS	    100

/* Between the start of a count and a look at the time, at most. */
#define SLACK 2000

volatile uint64_t taken[256];
static volatile uint64_t taken_at;
static uint64_t wakes_at, woken_at;

static void count(struct trap_frame *frame)
{
	taken_at = rdtsc_ordered();
	taken[frame->vector]++;
	apic_eoi();
}

static void start_pit(void)
{
	pit_count(PIT_0_ONCE, PIT_0, PIT_COUNT);
}

void wait_until(uint64_t time)
{
	while (rdtsc_ordered() < time)
		;
}

/* A deadline comes once, and not before its time, whatever is done meanwhile. */
static void expect_once(uint64_t ahead, void (*meanwhile)(void))
{
	uint64_t deadline = rdtsc_ordered() + ahead;

	taken[VECTOR_TIMER] = 0;
	wrmsr(MSR_IA32_TSC_DEADLINE, deadline);
	meanwhile();
	wait_until(deadline + PATIENCE);
	if (taken[VECTOR_TIMER] != 1)
		fail("not-once ahead=%lu taken=%lu", ahead, taken[VECTOR_TIMER]);
	if (taken_at < deadline)
		fail("early ahead=%lu by=%lu", ahead, deadline - taken_at);
}

/* With timer=direct the processor has a deadline, but while the interval timer is seen to. */
static void deadlines_change_hands(void)
{
	report_running("deadlines-change-hands");
	trap_handle(VECTOR_TIMER, count);
	apic_timer_deadline(VECTOR_TIMER);
	sti();
	for (uint64_t ahead = AHEAD_LEAST; ahead < AHEAD_MOST; ahead++) {
		expect_once(ahead, start_pit);
		expect_once(ahead, pit_stop_0);
	}
	cli();
	apic_timer_stop();
}

/* A count that is over when its timer becomes one for deadlines is none of those. */
static void counts_are_no_deadlines(void)
{
	report_running("counts-are-no-deadlines");
	trap_handle(VECTOR_COUNT, count);
	sti();
	for (uint64_t ahead = AHEAD_LEAST; ahead < AHEAD_MOST; ahead++) {
		apic_timer_count(VECTOR_COUNT, APIC_TIMER_ONE_SHOT);
		wrmsr(MSR_X2APIC_INIT_COUNT, ahead);
		taken[VECTOR_TIMER] = 0;
		apic_timer_deadline(VECTOR_TIMER);
		wait_until(rdtsc_ordered() + PATIENCE);
		if (taken[VECTOR_TIMER])
			fail("taken-for-one ahead=%lu", ahead);
	}
	cli();
	apic_timer_stop();
}

static void send_nmi(void)
{
	wrmsr(MSR_X2APIC_ICR, NMI_TO_SELF);
}

/* The first waits with another one blocked: for the timer, whose handler ends in an IRET. */
static void halt_in_nmi(struct trap_frame *frame)
{
	if (taken[frame->vector]++)
		return;
	send_nmi();
	wrmsr(MSR_X2APIC_INIT_COUNT, AHEAD_MOST);
	wakes_at = rdtsc_ordered() + AHEAD_MOST - SLACK;
	__asm__ volatile("sti; hlt; cli" : : : "memory");
	woken_at = rdtsc_ordered();
}

/* SDM volume 3, 6.7.1: NMIs are blocked until the next IRET, and so is their waking. */
static void halts_are_not_ended_by_blocked_nmis(void)
{
	report_running("halted-in-nmi");
	trap_handle(VECTOR_NMI, halt_in_nmi);
	apic_timer_count(VECTOR_COUNT, APIC_TIMER_ONE_SHOT);
	send_nmi();
	expect("taken", taken[VECTOR_NMI], 2);
	if (woken_at < wakes_at)
		fail("woken by=%lu", wakes_at - woken_at);
	apic_timer_stop();
}

/* Interrupts are off but for the shadow of an STI, and what it covers is an exit. */
static void shadows_end_behind_an_exit(void)
{
	report_running("shadows");
	trap_handle(VECTOR_COUNT, count);
	taken[VECTOR_COUNT] = 0;
	wrmsr(MSR_X2APIC_SELF_IPI, VECTOR_COUNT);
	for (unsigned i = 0; i < SHADOWS && !taken[VECTOR_COUNT]; i++) {
		uint32_t leaf = 0, subleaf = 0, b, d;

		__asm__ volatile("sti; cpuid; cli"
				 : "+a"(leaf), "+c"(subleaf), "=b"(b), "=d"(d)
				 :
				 : "memory");
	}
	expect("taken", taken[VECTOR_COUNT], 1);
}

/* Nothing is left that can wake it. */
static void halt_for_good(struct trap_frame *frame)
{
	(void)frame;
	send_nmi();
	for (;;)
		__asm__ volatile("hlt");
}

void guest_main(const struct start_info_view *boot)
{
	struct run run = {.boot = boot};
	char end[16];

	report_image("moments");
	apic_enable();
	pit_stop_0();
	if (second_is_there(&run)) {
		startups_count_behind_an_init();
		exchanges_are_whole();
		pic_interrupts_without_an_apic();
		pic_interrupts_by_the_ioapic(second_apic_id());
		pit_goes_on_without_its_keeper();
		return;
	}
	if (cmdline_get(boot->cmdline, "end", end, sizeof(end)) == CMDLINE_FOUND) {
		trap_handle(VECTOR_NMI, halt_for_good);
		send_nmi();
	}
	if (cmdline_get(boot->cmdline, "shadows", end, sizeof(end)) == CMDLINE_ABSENT)
		shadows_end_behind_an_exit();
	deadlines_change_hands();
	counts_are_no_deadlines();
	halts_are_not_ended_by_blocked_nmis();
	pic_interrupts_by_the_ioapic(0);
	report_running(NULL);
}
