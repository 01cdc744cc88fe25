/*
 * A guest's clock: each way to read it tells the same time, timers keep to it, setting it sets it,
 * and it never goes backwards, from one processor to another neither.  On Bochs an instruction
 * reads it exactly right behind a jump (rdtsc_ordered()), natively as well.
 */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/start.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/console.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/lib/cmdline.h"
#include "l1vmm/lib/string.h"
#include "tests/guests/board.h"

#define VECTOR_TIMER 0x60
#define VECTOR_TURN  0x61

#define READINGS 20000
#define PERIOD	 20000 /* of timers meanwhile, unless `period=` says otherwise */
#define AHEAD	 30000
#define LATE	 30000 /* a timer may be, at most */
#define TURNS	 4000

#define RATE_COUNT (25 * PIT_MILLISECOND)

static uint64_t period = PERIOD;

static uint64_t read_tscp(void)
{
	uint32_t low, high;

	__asm__ volatile("jmp 1f; 1: rdtscp" : "=a"(low), "=d"(high) : : "ecx", "memory");
	return (uint64_t)high << 32 | low;
}

static uint64_t read_msr(void)
{
	uint32_t low, high;

	__asm__ volatile("jmp 1f; 1: rdmsr"
			 : "=a"(low), "=d"(high)
			 : "c"(MSR_IA32_TIME_STAMP_COUNTER)
			 : "memory");
	return (uint64_t)high << 32 | low;
}

static uint64_t read_clock(unsigned how)
{
	switch (how % 3) {
	case 0:
		return rdtsc_ordered();
	case 1:
		return read_tscp();
	default:
		return read_msr();
	}
}

static void set_clock(uint64_t to)
{
	wrmsr(MSR_IA32_TIME_STAMP_COUNTER, to);
}

static volatile uint64_t taken, taken_at;

static void take(struct trap_frame *frame)
{
	(void)frame;
	taken_at = rdtsc_ordered();
	taken++;
	apic_eoi();
}

/* Goes on for ever. */
static void tick(struct trap_frame *frame)
{
	(void)frame;
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc_ordered() + period);
	apic_eoi();
}

static void start_ticking(void)
{
	apic_timer_deadline(VECTOR_TIMER);
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc_ordered() + period);
}

/* With exits of all kinds in between, and what becomes of their records. */
static void readings(void)
{
	uint64_t before = 0;

	report_running("readings");
	trap_handle(VECTOR_TIMER, tick);
	start_ticking();
	sti();
	for (unsigned i = 0; i < READINGS; i++) {
		uint64_t now = read_clock(i);

		if (now < before)
			fail("backwards reading=%u by=%lu", i, before - now);
		before = now;
		if (i % 7 == 0)
			cpuid(0, 0);
	}
	cli();
	apic_timer_stop();
}

/* For people, and to compare with a machine of another rate. */
static void rate(void)
{
	uint64_t start;

	report_running("rate");
	out8(SPEAKER, SPEAKER_GATE);
	pit_count(PIT_2_ONCE, PIT_2, RATE_COUNT);
	start = rdtsc_ordered();
	while (!(in8(SPEAKER) & SPEAKER_OUTPUT))
		;
	printk("clock: ticks=%lu\n", rdtsc_ordered() - start);
	out8(SPEAKER, 0);
}

static void expect_taken(const char *what, uint64_t start, uint64_t ahead)
{
	while (!taken && rdtsc_ordered() - start < ahead + LATE)
		;
	if (taken != 1)
		fail("%s-not-once start=%lu taken=%lu", what, start, taken);
	if (taken_at - start < ahead)
		fail("%s-early start=%lu by=%lu", what, start, ahead - (taken_at - start));
}

/* By count and by deadline, of which the one goes on where the clock begins again. */
static void timers(void)
{
	static const uint64_t starts[] = {0,
					  1,
					  UINT64_C(1) << 32,
					  UINT64_C(1) << 63,
					  UINT64_C(0) - AHEAD / 2,
					  UINT64_C(0) - AHEAD - 100};

	report_running("timers");
	trap_handle(VECTOR_TIMER, take);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		uint64_t start;

		set_clock(starts[i]);
		start = rdtsc_ordered();
		if (start - starts[i] > LATE)
			fail("not-set to=%lu is=%lu", starts[i], start);
		apic_timer_count(VECTOR_TIMER, APIC_TIMER_ONE_SHOT);
		taken = 0;
		sti();
		start = rdtsc_ordered();
		wrmsr(MSR_X2APIC_INIT_COUNT, AHEAD);
		expect_taken("count", start, AHEAD);
		cli();
		apic_timer_deadline(VECTOR_TIMER);
		taken = 0;
		sti();
		start = rdtsc_ordered();
		wrmsr(MSR_IA32_TSC_DEADLINE, start + AHEAD);
		expect_taken("deadline", start, start + AHEAD < start ? 0 : AHEAD);
		cli();
		apic_timer_stop();
	}
}

/* What the one processor has read, the other does not read less than. */
static volatile uint64_t latest;
static volatile uint32_t turn; /* the first processor's are even */
static volatile bool halting;  /* who waits for a turn does so halted */

static void wake_up(struct trap_frame *frame)
{
	(void)frame;
	apic_eoi();
}

/* A tick wakes too, so that no wake-up has to come in time. */
static void wait_for_turn(uint32_t number)
{
	while (turn != number) {
		if (halting)
			__asm__ volatile("sti; hlt; cli" : : : "memory");
		else
			__asm__ volatile("sti; pause; cli" : : : "memory");
	}
}

static void take_turns(uint32_t first, uint32_t other)
{
	start_ticking();
	for (uint32_t number = first; number < TURNS; number += 2) {
		uint64_t before, now;

		wait_for_turn(number);
		before = latest;
		now = read_clock(number / 2);
		if (now < before)
			fail("backwards turn=%u by=%lu", number, before - now);
		latest = now;
		halting = number / 64 % 2;
		turn = number + 1;
		if (halting)
			wrmsr(MSR_X2APIC_ICR, (uint64_t)other << 32 | VECTOR_TURN);
	}
	apic_timer_stop();
}

static void second_turns(void)
{
	take_turns(1, 0);
}

static void turns(void)
{
	report_running("turns");
	trap_handle(VECTOR_TIMER, tick);
	trap_handle(VECTOR_TURN, wake_up);
	turn = UINT32_MAX;
	second_begin(second_turns);
	turn = 0;
	take_turns(0, second_apic_id());
	second_finish();
}

void guest_main(const struct start_info_view *boot)
{
	struct run run = {.boot = boot};
	char text[16];

	report_image("clock");
	if (cmdline_get(boot->cmdline, "period", text, sizeof(text)) == CMDLINE_FOUND &&
	    !cmdline_number(text, strlen(text), &period))
		fail("bad-period");
	apic_enable();
	if (second_is_there(&run)) {
		turns();
	} else {
		readings();
		rate();
		timers();
	}
	report_running(NULL);
}
