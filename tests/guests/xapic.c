/*
 * A guest that leaves its local APIC in xAPIC mode, where its registers are a page of memory: what
 * becomes of interrupts by way of it (SDM volume 3, 11.4.1 and 11.8), and then the same again and
 * again, for whoever counts exits.
 */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/rt/report.h"
#include "bench/guests/rt/start.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/dev/pic.h"

/* Where reset leaves it. */
#define LAPIC_PAGE 0xfee00000

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Offsets into the page: SDM volume 3, table 11-1. */
#define ID	 0x20
#define VERSION	 0x30
#define TPR	 0x80
#define PPR	 0xa0
#define EOI	 0xb0
#define LDR	 0xd0
#define DFR	 0xe0
#define SIVR	 0xf0
#define ISR	 0x100
#define IRR	 0x200
#define ESR	 0x280
#define ICR	 0x300
#define ICR_HIGH 0x310
#define TIMER	 0x320
#define COUNTED	 0x390
#define INITIAL	 0x380
#define DIVIDE	 0x3e0

#define SOFTWARE_ENABLE 0x100
#define TO_SELF		(1u << 18)
#define MASKED		(1u << 16)

#define ESR_SEND_ILLEGAL    (1u << 5)
#define ESR_RECEIVE_ILLEGAL (1u << 6)

#define BAD_VECTOR  15
#define VECTOR_LOW  0x31
#define VECTOR_SAME 0x41
#define VECTOR_HIGH 0x51

#define ROUNDS 1000

static volatile uint32_t *const page = (volatile uint32_t *)(uintptr_t)LAPIC_PAGE;
static volatile uint64_t taken[256];

static uint32_t get(uint32_t offset)
{
	return page[offset / sizeof(*page)];
}

static void set(uint32_t offset, uint32_t value)
{
	page[offset / sizeof(*page)] = value;
}

/* One of eight registers of a bit for each vector. */
static bool has(uint32_t first, uint8_t vector)
{
	return get(first + vector / 32 * 16) >> vector % 32 & 1;
}

static void send_itself(uint8_t vector)
{
	set(ICR, TO_SELF | vector);
}

/* While it is handled it is in service, and no longer requested. */
static void handle(struct trap_frame *frame)
{
	uint8_t vector = (uint8_t)frame->vector;

	expect("in-service", has(ISR, vector), true);
	expect("requested", has(IRR, vector), false);
	expect("priority", get(PPR) >> 4, vector >> 4);
	taken[vector]++;
	set(EOI, 0);
	expect("ended", has(ISR, vector), false);
}

static void expect_taken(uint64_t low, uint64_t same, uint64_t high)
{
	expect("low", taken[VECTOR_LOW], low);
	expect("same", taken[VECTOR_SAME], same);
	expect("high", taken[VECTOR_HIGH], high);
}

/* What the task priority holds back comes when that is lowered, the highest first. */
static void priorities(void)
{
	report_running("priorities");
	send_itself(VECTOR_LOW);
	expect_taken(1, 0, 0);
	set(TPR, VECTOR_SAME);
	send_itself(VECTOR_LOW);
	send_itself(VECTOR_SAME);
	expect_taken(1, 0, 0);
	expect("waits", has(IRR, VECTOR_LOW) && has(IRR, VECTOR_SAME), true);
	send_itself(VECTOR_HIGH);
	expect_taken(1, 0, 1);
	expect("cr8", read_cr8(), VECTOR_SAME >> 4);
	set(TPR, VECTOR_LOW);
	expect_taken(1, 1, 1);
	set(TPR, 0);
	expect_taken(2, 1, 1);
	cli();
	send_itself(VECTOR_HIGH);
	expect("masked", has(IRR, VECTOR_HIGH), true);
	expect_taken(2, 1, 1);
	sti();
	expect_taken(2, 1, 2);
}

/* What is written is read again, of the bits that a register has. */
static void registers(void)
{
	static const struct {
		uint32_t offset, written, read;
	} rows[] = {
		{TPR, 0x123, 0x23},
		{TPR, 0, 0},
		{LDR, 0x12345678, 0x12000000},
		{DFR, 0x0fffffff, 0x0fffffff},
		{DFR, UINT32_MAX, UINT32_MAX},
		{ICR_HIGH, 0x12345678, 0x12000000},
		{TIMER, MASKED | VECTOR_LOW, MASKED | VECTOR_LOW},
		{DIVIDE, 0xb, 0xb},
		{INITIAL, 0, 0},
	};
	uint32_t id = get(ID), version = get(VERSION);

	report_running("registers");
	set(VERSION, ~version);
	expect("version", get(VERSION), version);
	expect("id", get(ID), id);
	for (size_t i = 0; i < COUNT(rows); i++) {
		set(rows[i].offset, rows[i].written);
		expect("register", get(rows[i].offset), rows[i].read);
	}
}

static void errors(void)
{
	report_running("errors");
	set(ESR, 0);
	send_itself(BAD_VECTOR);
	set(ESR, 0);
	if (!(get(ESR) & (ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL)))
		fail("none esr=0x%x", get(ESR));
	set(ESR, 0);
	expect("taken-back", get(ESR), 0);
}

/* By a count of the timer, which is read until it is over. */
static void timer(void)
{
	uint64_t before = taken[VECTOR_LOW];

	report_running("timer");
	set(TIMER, VECTOR_LOW);
	set(INITIAL, 100000);
	while (get(COUNTED) != 0)
		;
	expect("interrupts", taken[VECTOR_LOW], before + 1);
	set(TIMER, MASKED);
}

static void again_and_again(void)
{
	report_running("again-and-again");
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		set(TPR, VECTOR_HIGH);
		send_itself(VECTOR_LOW);
		expect("held-back", taken[VECTOR_LOW], i - 1);
		set(TPR, 0);
		expect("taken", taken[VECTOR_LOW], i);
	}
}

/* Without looking at what it has in service: an interrupt, and its end. */
static void count_and_end(struct trap_frame *frame)
{
	taken[frame->vector]++;
	set(EOI, 0);
}

void guest_main(const struct start_info_view *boot)
{
	(void)boot;
	report_image("xapic");
	out8(PIC_FIRST_DATA, 0xff);
	out8(PIC_SECOND_DATA, 0xff);
	set(SIVR, SOFTWARE_ENABLE | 0xff);
	trap_handle(VECTOR_LOW, handle);
	trap_handle(VECTOR_SAME, handle);
	trap_handle(VECTOR_HIGH, handle);
	sti();
	priorities();
	registers();
	errors();
	timer();
	taken[VECTOR_LOW] = 0;
	trap_handle(VECTOR_LOW, count_and_end);
	again_and_again();
	cli();
	report_running(NULL);
}
