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

#define VECTOR_TIMER 0x60
#define VECTOR_COUNT 0x61
#define NMI_TO_SELF  0x400 /* x2APIC ICR: to APIC 0 */

/* The interval timer: what it counts from is over long after the deadline. */
#define PIT_CONTROL	  0x43
#define PIT_0		  0x40
#define ON_TERMINAL_COUNT 0x30
#define PIT_COUNT	  0xffff

#define PERIODIC 0x34

#define LVT_EXTINT 0x700

#define PIC	       0x20
#define PIC_EOI	       0x20
#define VECTOR_PIC     0x30
#define PIC_INTERRUPTS 5
#define PIC_COUNT      1193 /* a millisecond */
#define KEEPER_COUNT \
	9544 /* 8 of them: a tick that is passed on takes several thousand instructions */
#define IOAPIC_SELECT	 ((volatile uint32_t *)0xfec00000)
#define IOAPIC_WINDOW	 ((volatile uint32_t *)0xfec00010)
#define IOAPIC_PIC_ENTRY 0x10
#define IOAPIC_EXTINT	 0x700u
#define IOAPIC_MASKED	 0x10000u
#define PIC_PATIENCE	 100000000

/* A page of real-mode code that stores 1 at OUT of it. */
#define REAL_PAGE  0xa000
#define OUT	   0x100
#define ICR_INIT   0x4500
#define ICR_START  0x4600
#define INIT_TICKS 100000 /* for an INIT or a start-up message to arrive, and what comes of it */

/* From the least that a deadline can be ahead to behind the last of the exits. */
#define AHEAD_LEAST 20
#define AHEAD_MOST  4000
#define PATIENCE    8000
#define SHADOWS	    100

/* Between the start of a count and a look at the time, at most. */
#define SLACK 2000

static volatile uint64_t taken[256]; /* by vector */
static volatile uint64_t taken_at;
static uint64_t wakes_at, woken_at;
static volatile bool given_up;

static void count(struct trap_frame *frame)
{
	taken_at = rdtsc_ordered();
	taken[frame->vector]++;
	apic_eoi();
}

static void count_down(uint16_t from)
{
	out8(PIT_CONTROL, ON_TERMINAL_COUNT);
	out8(PIT_0, (uint8_t)from);
	out8(PIT_0, (uint8_t)(from >> 8));
}

static void start_pit(void)
{
	count_down(PIT_COUNT);
}

static void stop_pit(void)
{
	out8(PIT_CONTROL, ON_TERMINAL_COUNT);
}

static void wait_until(uint64_t time)
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
		expect_once(ahead, stop_pit);
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

static void initialize_pic(uint16_t command, uint8_t vector, uint8_t cascade)
{
	out8(command, 0x11);
	out8(command + 1, vector);
	out8(command + 1, cascade);
	out8(command + 1, 0x01);
	out8(command + 1, 0xff);
}

static void count_pic(struct trap_frame *frame)
{
	taken[frame->vector]++;
	out8(PIC, PIC_EOI);
}

/* The timer is this processor's, and its interrupts the other's. */
static void keep_pit(void)
{
	sti(); /* Bochs interrupts no hypervisor whose guest was entered without */
	out8(PIC + 1, 0xfe);
	for (uint64_t i = 1; i <= PIC_INTERRUPTS; i++) {
		count_down(PIC_COUNT);
		while (taken[VECTOR_PIC] < i && !given_up)
			pause();
	}
	out8(PIC + 1, 0xff);
	stop_pit();
}

static void send_second(uint32_t icr)
{
	wrmsr(MSR_X2APIC_ICR, (uint64_t)second_apic_id() << 32 | icr);
	wait_until(rdtsc_ordered() + INIT_TICKS);
}

static void run_on(void)
{
	for (;;)
		pause();
}

static void halt_for_good_masked(void)
{
	for (;;)
		hlt();
}

static void start_itself(void)
{
	send_second(ICR_START | REAL_PAGE >> PAGE_SHIFT);
	run_on();
}

/* SDM volume 3, 26.2: they are discarded, and start nobody behind an INIT that comes later. */
static void startups_count_behind_an_init(void)
{
	static const uint8_t code[] = {
		0x31, 0xc0,			      /* xor %ax, %ax */
		0x8e, 0xd8,			      /* mov %ax, %ds */
		0xc6, 0x06, 0x00, REAL_PAGE >> 8 | 1, /* movb $1, REAL_PAGE + OUT */
		0x01, 0xf4, 0xeb, 0xfd,		      /* hlt, again */
	};
	static void (*const works[])(void) = {run_on, halt_for_good_masked, start_itself};
	volatile uint8_t *page = (volatile uint8_t *)(uintptr_t)REAL_PAGE;

	report_running("startups");
	for (size_t i = 0; i < sizeof(code); i++)
		page[i] = code[i];
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		page[OUT] = 0;
		second_begin(stop_pit);
		second_finish();
		second_begin(works[i]);
		wait_until(rdtsc_ordered() + INIT_TICKS);
		send_second(ICR_START | REAL_PAGE >> PAGE_SHIFT);
		send_second(ICR_INIT);
		expect("void", page[OUT], 0);
		send_second(ICR_START | REAL_PAGE >> PAGE_SHIFT);
		expect("started", page[OUT], 1);
		second_restart(stop_pit);
		second_finish();
	}
}

/* SDM volume 3, 11.4.3: without its APIC a processor takes the controllers' interrupt all the same.
 */
static void pic_interrupts_without_an_apic(void)
{
	uint64_t start;

	report_running("without-apic");
	second_begin(stop_pit);
	second_finish();
	initialize_pic(PIC, VECTOR_PIC, 0x04);
	trap_handle(VECTOR_PIC, count_pic);
	wrmsr(MSR_IA32_APIC_BASE,
	      rdmsr(MSR_IA32_APIC_BASE) & ~(APIC_BASE_ENABLE | APIC_BASE_X2APIC));
	second_begin(keep_pit);
	sti();
	start = rdtsc_ordered();
	while (taken[VECTOR_PIC] < PIC_INTERRUPTS && rdtsc_ordered() - start < PIC_PATIENCE)
		;
	given_up = true;
	second_finish();
	cli();
	wrmsr(MSR_IA32_APIC_BASE, rdmsr(MSR_IA32_APIC_BASE) | APIC_BASE_ENABLE);
	apic_enable();
	expect("taken", taken[VECTOR_PIC], PIC_INTERRUPTS);
}

static void write_entry(uint32_t apic_id, uint32_t low)
{
	*IOAPIC_SELECT = IOAPIC_PIC_ENTRY + 1;
	*IOAPIC_WINDOW = apic_id << 24;
	*IOAPIC_SELECT = IOAPIC_PIC_ENTRY;
	*IOAPIC_WINDOW = low;
}

static void take_pic_interrupts(void)
{
	sti();
	while (taken[VECTOR_PIC] < PIC_INTERRUPTS && !given_up)
		pause();
	cli();
}

/* The other way of the controllers': line 0 of the I/O APIC, as ExtINT, to whichever processor. */
static void pic_interrupts_by_the_ioapic(uint32_t apic_id)
{
	report_running("by-the-ioapic");
	taken[VECTOR_PIC] = 0;
	given_up = false;
	initialize_pic(PIC, VECTOR_PIC, 0x04);
	trap_handle(VECTOR_PIC, count_pic);
	out8(PIC + 1, 0xfe);
	if (apic_id)
		second_begin(take_pic_interrupts);
	write_entry(apic_id, IOAPIC_EXTINT);
	sti();
	for (uint64_t i = 1; i <= PIC_INTERRUPTS; i++) {
		uint64_t start = rdtsc_ordered();

		count_down(PIC_COUNT);
		while (taken[VECTOR_PIC] < i && rdtsc_ordered() - start < PIC_PATIENCE)
			;
	}
	given_up = true;
	if (apic_id)
		second_finish();
	expect("taken", taken[VECTOR_PIC], PIC_INTERRUPTS);
	write_entry(apic_id, IOAPIC_MASKED | IOAPIC_EXTINT);
	count_down(PIC_COUNT);
	wait_until(rdtsc_ordered() + PIC_PATIENCE / 100);
	expect("masked", taken[VECTOR_PIC], PIC_INTERRUPTS);
	cli();
	out8(PIC + 1, 0xff);
	stop_pit();
}

/* Who has started it waits for nothing, or has been stopped. */
static void start_pit_and_halt(void)
{
	out8(PIT_CONTROL, PERIODIC);
	out8(PIT_0, (uint8_t)KEEPER_COUNT);
	out8(PIT_0, (uint8_t)(KEEPER_COUNT >> 8));
	for (;;)
		hlt();
}

static void expect_pic_interrupts(void)
{
	uint64_t start = rdtsc_ordered();

	taken[VECTOR_PIC] = 0;
	sti();
	while (taken[VECTOR_PIC] < PIC_INTERRUPTS && rdtsc_ordered() - start < PIC_PATIENCE)
		;
	cli();
	expect("ticks", taken[VECTOR_PIC] >= PIC_INTERRUPTS, true);
}

static void pit_goes_on_without_its_keeper(void)
{
	report_running("keeper");
	wrmsr(MSR_X2APIC_LVT_LINT0, LVT_EXTINT);
	out8(PIC + 1, 0xfe);
	second_begin(start_pit_and_halt);
	expect_pic_interrupts();
	send_second(ICR_INIT);
	expect_pic_interrupts();
	stop_pit();
	out8(PIC + 1, 0xff);
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
	stop_pit();
	if (second_is_there(&run)) {
		startups_count_behind_an_init();
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
