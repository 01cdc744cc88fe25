/* Moments between two processors. */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/irq/second.h"
#include "bench/guests/rt/pages.h"
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"
#include "tests/guests/board.h"
#include "tests/guests/moments.h"

/* A page of real-mode code that stores 1 at OUT of it. */
#define REAL_PAGE  0xa000
#define OUT	   0x100
#define INIT_TICKS 100000 /* for an INIT or a start-up message to arrive, and what comes of it */

/* A page that is memory, which holds more than a register of the device, and the device in turn. */
#define PAGE	  PAGE_AREA_FREE
#define FLAGS	  (PTE_P | PTE_RW | PTE_A | PTE_D)
#define LEAST	  0x10000u
#define EXCHANGES 2000

static uint32_t memory[PAGE_SIZE / sizeof(uint32_t)] __attribute__((aligned(PAGE_SIZE)));
static volatile uint32_t added; /* to the memory, by the second processor */
static volatile bool over;

void send_second(uint32_t icr)
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
void startups_count_behind_an_init(void)
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
		second_begin(pit_stop_0);
		second_finish();
		second_begin(works[i]);
		wait_until(rdtsc_ordered() + INIT_TICKS);
		send_second(ICR_START | REAL_PAGE >> PAGE_SHIFT);
		send_second(ICR_INIT);
		expect("void", page[OUT], 0);
		send_second(ICR_START | REAL_PAGE >> PAGE_SHIFT);
		expect("started", page[OUT], 1);
		second_restart(pit_stop_0);
		second_finish();
	}
}

/* Another time each time, so that the other processor finds the page as either. */
static void pass_turns(uint32_t turns)
{
	for (uint32_t i = 0; i < turns && !over; i++)
		pause();
}

static void turn_page(void)
{
	while (!over) {
		area_pt[PAGE] = IOAPIC_BASE | FLAGS | PTE_PCD;
		pass_turns(added % 61);
		area_pt[PAGE] = (uintptr_t)memory | FLAGS;
		pass_turns(added % 7);
		__atomic_fetch_add(&memory[0], 1, __ATOMIC_SEQ_CST);
		added++;
	}
}

/* What exits for the device may find memory there, and is locked all the same. */
void exchanges_are_whole(void)
{
	uint32_t *page = (uint32_t *)(uintptr_t)page_address(PAGE);
	uint32_t to_memory = 0;

	report_running("exchanges");
	memory[0] = LEAST;
	page_map(PAGE, (uintptr_t)memory, FLAGS);
	second_begin(turn_page);
	for (unsigned i = 0; i < EXCHANGES; i++) {
		invlpg(page);
		if (__atomic_fetch_add(page, 1, __ATOMIC_SEQ_CST) >= LEAST)
			to_memory++;
	}
	over = true;
	second_finish();
	page_unmap(PAGE);
	expect("sum", memory[0], LEAST + added + to_memory);
	if (!to_memory || to_memory == EXCHANGES)
		fail("one-kind to_memory=%u", to_memory);
}
