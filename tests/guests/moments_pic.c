/*
 * The interrupt controllers' interrupts, which have ways of their own to a processor; the timer
 * that they are here is seen to by the processor that has started it, whatever becomes of that.
 */
#include <stdbool.h>

#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/x86.h"
#include "tests/guests/board.h"
#include "tests/guests/moments.h"

#define PIC_LINE 0 /* of the I/O APIC: the controllers */

#define VECTOR_PIC 0x30
#define INTERRUPTS 5
#define PATIENCE   100000000

/* 8 ms: a tick that is passed on takes several thousand instructions. */
#define KEEPER_COUNT (8 * PIT_MILLISECOND)

static volatile bool given_up;

static void count_pic(struct trap_frame *frame)
{
	taken[frame->vector]++;
	out8(PIC_FIRST_COMMAND, PIC_END);
}

/* The timer is this processor's, and its interrupts the other's. */
static void keep_pit(void)
{
	sti(); /* Bochs interrupts no hypervisor whose guest was entered without */
	out8(PIC_FIRST_DATA, PIC_TIMER_ALONE);
	for (uint64_t i = 1; i <= INTERRUPTS; i++) {
		pit_count(PIT_0_ONCE, PIT_0, PIT_MILLISECOND);
		while (taken[VECTOR_PIC] < i && !given_up)
			pause();
	}
	out8(PIC_FIRST_DATA, UINT8_MAX);
	pit_stop_0();
}

/* SDM volume 3, 11.4.3: without its APIC a processor takes the controllers' interrupt all the same.
 */
void pic_interrupts_without_an_apic(void)
{
	uint64_t start;

	report_running("without-apic");
	second_begin(pit_stop_0);
	second_finish();
	pic_initialize(PIC_FIRST_COMMAND, VECTOR_PIC, 0x04);
	trap_handle(VECTOR_PIC, count_pic);
	wrmsr(MSR_IA32_APIC_BASE,
	      rdmsr(MSR_IA32_APIC_BASE) & ~(APIC_BASE_ENABLE | APIC_BASE_X2APIC));
	second_begin(keep_pit);
	sti();
	start = rdtsc_ordered();
	while (taken[VECTOR_PIC] < INTERRUPTS && rdtsc_ordered() - start < PATIENCE)
		;
	given_up = true;
	second_finish();
	cli();
	wrmsr(MSR_IA32_APIC_BASE, rdmsr(MSR_IA32_APIC_BASE) | APIC_BASE_ENABLE);
	apic_enable();
	expect("taken", taken[VECTOR_PIC], INTERRUPTS);
}

static void take_pic_interrupts(void)
{
	sti();
	while (taken[VECTOR_PIC] < INTERRUPTS && !given_up)
		pause();
	cli();
}

/* The other way of the controllers': line 0 of the I/O APIC, as ExtINT, to whichever processor. */
void pic_interrupts_by_the_ioapic(uint32_t apic_id)
{
	report_running("by-the-ioapic");
	taken[VECTOR_PIC] = 0;
	given_up = false;
	pic_initialize(PIC_FIRST_COMMAND, VECTOR_PIC, 0x04);
	trap_handle(VECTOR_PIC, count_pic);
	out8(PIC_FIRST_DATA, PIC_TIMER_ALONE);
	if (apic_id)
		second_begin(take_pic_interrupts);
	ioapic_set_entry(PIC_LINE, apic_id, IOAPIC_EXTINT);
	sti();
	for (uint64_t i = 1; i <= INTERRUPTS; i++) {
		uint64_t start = rdtsc_ordered();

		pit_count(PIT_0_ONCE, PIT_0, PIT_MILLISECOND);
		while (taken[VECTOR_PIC] < i && rdtsc_ordered() - start < PATIENCE)
			;
	}
	given_up = true;
	if (apic_id)
		second_finish();
	expect("taken", taken[VECTOR_PIC], INTERRUPTS);
	ioapic_set_entry(PIC_LINE, apic_id, IOAPIC_MASKED | IOAPIC_EXTINT);
	pit_count(PIT_0_ONCE, PIT_0, PIT_MILLISECOND);
	wait_until(rdtsc_ordered() + PATIENCE / 100);
	expect("masked", taken[VECTOR_PIC], INTERRUPTS);
	cli();
	out8(PIC_FIRST_DATA, UINT8_MAX);
	pit_stop_0();
}

/* Who has started it waits for nothing, or has been stopped. */
static void start_pit_and_halt(void)
{
	pit_count(PIT_0_PERIODIC, PIT_0, KEEPER_COUNT);
	for (;;)
		hlt();
}

static void expect_pic_interrupts(void)
{
	uint64_t start = rdtsc_ordered();

	taken[VECTOR_PIC] = 0;
	sti();
	while (taken[VECTOR_PIC] < INTERRUPTS && rdtsc_ordered() - start < PATIENCE)
		;
	cli();
	expect("ticks", taken[VECTOR_PIC] >= INTERRUPTS, true);
}

void pit_goes_on_without_its_keeper(void)
{
	report_running("keeper");
	wrmsr(MSR_X2APIC_LVT_LINT0, LVT_EXTINT);
	out8(PIC_FIRST_DATA, PIC_TIMER_ALONE);
	second_begin(start_pit_and_halt);
	expect_pic_interrupts();
	send_second(ICR_INIT);
	expect_pic_interrupts();
	pit_stop_0();
	out8(PIC_FIRST_DATA, UINT8_MAX);
}
