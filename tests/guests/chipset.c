/*
 * A guest of the chipset: what the lines of the I/O APIC, the interrupt controllers and the
 * interval timer do by architecture, and what is wrong to write to them.  Bochs's own I/O APIC
 * fails it: a level does not come again, and it gives up over registers that do not exist.
 */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/start.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"
#include "tests/guests/board.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define TIMER_LINE 2 /* of the I/O APIC: counter 0 */
#define MODES	   0x700u

#define PIT_2_LATCH 0x80

#define RTC_INDEX      0x70
#define RTC_DATA       0x71
#define RTC_YEAR       0x09
#define RTC_REGISTER_A 0x0a
#define RTC_REGISTER_B 0x0b
#define RTC_REGISTER_C 0x0c
#define RTC_REGISTER_D 0x0d
#define RTC_INTERRUPTS 0x70 /* of register B */
#define RTC_VALID      0x80 /* of register D */

#define VECTOR_EDGE  0x60
#define VECTOR_LEVEL 0x70
#define VECTOR_PIC   0x30

#define ESR_RECEIVE_ILLEGAL (1u << 6)

/* Turns of a loop: far more than what is waited for takes, at a few instructions each. */
#define PATIENCE 20000000

static volatile uint64_t taken[256]; /* interrupts by vector */
static uint64_t levels_wanted;

static void write_entry(uint32_t low)
{
	ioapic_set_entry(TIMER_LINE, (uint32_t)rdmsr(MSR_X2APIC_APICID), low);
}

static void count_edge(struct trap_frame *frame)
{
	taken[frame->vector]++;
	apic_eoi();
}

/* A level stays until the timer is told otherwise. */
static void count_level(struct trap_frame *frame)
{
	if (++taken[frame->vector] == levels_wanted)
		pit_stop_0();
	apic_eoi();
}

static void count_pic(struct trap_frame *frame)
{
	taken[frame->vector]++;
	out8(PIC_FIRST_COMMAND, PIC_END);
}

static void wait_for(const char *why, uint8_t vector, uint64_t count)
{
	for (uint64_t i = 0; taken[vector] < count; i++)
		if (i == PATIENCE)
			fail("%s taken=%lu", why, taken[vector]);
}

/* Long enough for what must not come. */
static void pass_time(void)
{
	uint64_t start = rdtsc_ordered();

	while (rdtsc_ordered() - start < 100000)
		;
}

static void counters(void)
{
	uint64_t start, first, second;

	report_running("gate");
	out8(SPEAKER, 0);
	pit_count(PIT_2_ONCE, PIT_2, 25 * PIT_MILLISECOND);
	pass_time();
	expect("closed", in8(SPEAKER) & SPEAKER_OUTPUT, 0);
	report_running("calibration");
	start = rdtsc_ordered();
	out8(SPEAKER, SPEAKER_GATE);
	while (!(in8(SPEAKER) & SPEAKER_OUTPUT))
		;
	first = rdtsc_ordered() - start;
	pit_count(PIT_2_ONCE, PIT_2, 50 * PIT_MILLISECOND);
	start = rdtsc_ordered();
	while (!(in8(SPEAKER) & SPEAKER_OUTPUT))
		;
	second = rdtsc_ordered() - start;
	/* Twice the time, as far as it can be looked at. */
	if (second < first * 18 / 10 || second > first * 22 / 10)
		fail("uneven first=%lu second=%lu", first, second);
	report_running("latch");
	pit_count(PIT_2_ONCE, PIT_2, 50 * PIT_MILLISECOND);
	out8(PIT_CONTROL_PORT, PIT_2_LATCH);
	first = in8(PIT_2);
	first |= (uint64_t)in8(PIT_2) << 8;
	if (first > 50 * PIT_MILLISECOND || first < 40 * PIT_MILLISECOND)
		fail("wrong-count count=%lu", first);
	out8(SPEAKER, 0);
}

static void edges(void)
{
	report_running("edges");
	trap_handle(VECTOR_EDGE, count_edge);
	write_entry(VECTOR_EDGE);
	sti();
	pit_count(PIT_0_PERIODIC, PIT_0, PIT_MILLISECOND);
	wait_for("too-few", VECTOR_EDGE, 10);
	write_entry(IOAPIC_MASKED | VECTOR_EDGE);
	taken[VECTOR_EDGE] = 0;
	pass_time();
	expect("masked", taken[VECTOR_EDGE] <= 1, true);
	pit_stop_0();
	taken[VECTOR_EDGE] = 0;
	write_entry(VECTOR_EDGE);
	pit_count(PIT_0_ONCE, PIT_0, PIT_MILLISECOND);
	wait_for("none", VECTOR_EDGE, 1);
	pass_time();
	expect("once", taken[VECTOR_EDGE], 1);
	write_entry(IOAPIC_MASKED);
	pit_stop_0();
	cli();
}

static void levels(void)
{
	report_running("levels");
	trap_handle(VECTOR_LEVEL, count_level);
	levels_wanted = 5;
	write_entry(IOAPIC_LEVEL | VECTOR_LEVEL);
	sti();
	pit_count(PIT_0_ONCE, PIT_0, PIT_MILLISECOND);
	wait_for("too-few", VECTOR_LEVEL, levels_wanted);
	pass_time();
	expect("too-many", taken[VECTOR_LEVEL], levels_wanted);
	expect("remote-irr", ioapic_entry(TIMER_LINE) & IOAPIC_REMOTE_IRR, 0);
	report_running("masked-level");
	taken[VECTOR_LEVEL] = 0;
	levels_wanted = 1;
	write_entry(IOAPIC_MASKED | IOAPIC_LEVEL | VECTOR_LEVEL);
	pit_count(PIT_0_ONCE, PIT_0, PIT_MILLISECOND);
	pass_time();
	expect("masked", taken[VECTOR_LEVEL], 0);
	write_entry(IOAPIC_LEVEL | VECTOR_LEVEL);
	wait_for("lost", VECTOR_LEVEL, 1);
	pass_time();
	expect("too-many", taken[VECTOR_LEVEL], 1);
	write_entry(IOAPIC_MASKED);
	cli();
}

/* From HLT: nothing else wakes. */
static void halted(void)
{
	report_running("halted");
	taken[VECTOR_EDGE] = 0;
	write_entry(VECTOR_EDGE);
	pit_count(PIT_0_PERIODIC, PIT_0, PIT_MILLISECOND);
	for (uint64_t i = 1; i <= 5; i++) {
		while (taken[VECTOR_EDGE] < i)
			__asm__ volatile("sti; hlt; cli" : : : "memory");
	}
	write_entry(IOAPIC_MASKED);
	pit_stop_0();
}

static void take_levels(void)
{
	sti();
	wait_for("too-few-at-second", VECTOR_LEVEL, levels_wanted);
	cli();
}

/* The second processor ends them, and has the timer from then on. */
static void at_second(const struct start_info_view *boot)
{
	struct run run = {.boot = boot};

	report_running("at-second");
	if (!second_is_there(&run))
		return;
	taken[VECTOR_LEVEL] = 0;
	levels_wanted = 5;
	second_begin(take_levels);
	ioapic_set_entry(TIMER_LINE, second_apic_id(), IOAPIC_LEVEL | VECTOR_LEVEL);
	sti(); /* Bochs interrupts no hypervisor whose guest was entered without */
	pit_count(PIT_0_ONCE, PIT_0, PIT_MILLISECOND);
	second_finish();
	cli();
	pass_time();
	expect("too-many", taken[VECTOR_LEVEL], levels_wanted);
	expect("remote-irr", ioapic_entry(TIMER_LINE) & IOAPIC_REMOTE_IRR, 0);
	write_entry(IOAPIC_MASKED);
}

/* By way of the local APIC's LINT0, as systems without an I/O APIC have it. */
static void controllers(void)
{
	report_running("controllers");
	pic_initialize(PIC_FIRST_COMMAND, VECTOR_PIC, 0x04);
	pic_initialize(PIC_SECOND_COMMAND, VECTOR_PIC + 8, 0x02);
	expect("mask", in8(PIC_FIRST_DATA), 0xff);
	trap_handle(VECTOR_PIC, count_pic);
	wrmsr(MSR_X2APIC_LVT_LINT0, LVT_EXTINT);
	sti();
	pit_count(PIT_0_PERIODIC, PIT_0, PIT_MILLISECOND);
	pass_time();
	expect("masked", taken[VECTOR_PIC], 0);
	out8(PIC_FIRST_DATA, PIC_TIMER_ALONE);
	wait_for("too-few", VECTOR_PIC, 10);
	cli();
	pass_time();
	expect("requested", pic_requests() & 1, 1);
	out8(PIC_FIRST_DATA, UINT8_MAX);
	pit_stop_0();
	wrmsr(MSR_X2APIC_LVT_LINT0, LVT_MASKED);
	taken[VECTOR_PIC] = 0;
	sti();
	pass_time();
	expect("after-its-mask", taken[VECTOR_PIC], 0);
	cli();
}

/*
 * The controllers' interrupt has had to wait, and then is one no more: what waits for the window
 * does not either.  The local APIC's timer, which wakes, returns to where the window is open.
 */
static void withdrawn(void)
{
	report_running("withdrawn");
	trap_handle(VECTOR_EDGE, count_edge);
	taken[VECTOR_PIC] = taken[VECTOR_EDGE] = 0;
	wrmsr(MSR_X2APIC_LVT_LINT0, LVT_EXTINT);
	out8(PIC_FIRST_DATA, PIC_TIMER_ALONE);
	pit_count(PIT_0_PERIODIC, PIT_0, PIT_MILLISECOND);
	while (!(pic_requests() & 1))
		;
	apic_timer_count(VECTOR_EDGE, APIC_TIMER_ONE_SHOT);
	wrmsr(MSR_X2APIC_INIT_COUNT, 100000);
	out8(PIC_FIRST_DATA, UINT8_MAX);
	__asm__ volatile("sti; hlt" : : : "memory");
	wait_for("asleep", VECTOR_EDGE, 1);
	pass_time();
	cli();
	apic_timer_stop();
	pit_stop_0();
	wrmsr(MSR_X2APIC_LVT_LINT0, LVT_MASKED);
	expect("withdrawn", taken[VECTOR_PIC], 0);
}

static uint64_t errors(void)
{
	wrmsr(MSR_X2APIC_ESR, 0);
	return rdmsr(MSR_X2APIC_ESR);
}

/* None of it may harm who is beneath, nor keep the timer from what comes behind. */
static void wrong(void)
{
	static const uint16_t ports[] = {0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61};
	uint32_t noise = 1;

	report_running("illegal-vector");
	errors();
	write_entry(5);
	pit_count(PIT_0_ONCE, PIT_0, PIT_MILLISECOND);
	pass_time();
	pit_stop_0();
	expect("errors", errors(), ESR_RECEIVE_ILLEGAL);
	report_running("modes");
	for (uint32_t mode = 0x200; mode <= MODES; mode += 0x100) {
		if (mode == 0x400 || mode == 0x500) /* NMI and INIT mean what they say */
			continue;
		write_entry(mode | VECTOR_EDGE);
		pit_count(PIT_0_ONCE, PIT_0, PIT_MILLISECOND);
		pass_time();
		pit_stop_0();
	}
	write_entry(IOAPIC_MASKED);
	report_running("registers");
	for (uint32_t index = 0x40; index < 0x100; index++) {
		*IOAPIC_SELECT = index;
		*IOAPIC_WINDOW = UINT32_MAX;
		expect("beyond", *IOAPIC_WINDOW, 0);
	}
	report_running("noise");
	for (unsigned i = 0; i < 2000; i++) {
		noise = noise * 1664525 + 1013904223;
		out8(ports[(noise >> 8) % COUNT(ports)], (uint8_t)(noise >> 16));
		(void)in8(ports[(noise >> 12) % COUNT(ports)]);
	}
	pit_stop_0();
	out8(PIC_FIRST_DATA, UINT8_MAX);
}

static uint8_t rtc(uint8_t index)
{
	out8(RTC_INDEX, index);
	return in8(RTC_DATA);
}

/* The machine's clock goes on, and is not the guest's to set. */
static void clock(void)
{
	uint8_t year = rtc(RTC_YEAR), format = rtc(RTC_REGISTER_B);

	report_running("clock");
	expect("power", rtc(RTC_REGISTER_D) & RTC_VALID, RTC_VALID);
	expect("interrupts", format & RTC_INTERRUPTS, 0);
	expect("rates", rtc(RTC_REGISTER_A) != 0xff, true);
	for (uint8_t index = 0; index < RTC_REGISTER_D + 3; index++) {
		out8(RTC_INDEX, index);
		out8(RTC_DATA, 0x5a);
	}
	expect("year", rtc(RTC_YEAR), year);
	expect("format", rtc(RTC_REGISTER_B), format);
	expect("no request", rtc(RTC_REGISTER_C), 0);
	expect("memory", rtc(RTC_REGISTER_D + 1), 0xff);
	expect("index", in8(RTC_INDEX), 0xff);
}

void guest_main(const struct start_info_view *boot)
{
	report_image("chipset");
	apic_enable();
	pit_stop_0();
	clock();
	counters();
	edges();
	levels();
	halted();
	at_second(boot);
	controllers();
	withdrawn();
	wrong();
	taken[VECTOR_EDGE] = 0;
	edges();
	report_running(NULL);
}
