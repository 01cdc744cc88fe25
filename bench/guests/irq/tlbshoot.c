/*
 * A TLB shootdown, as kernels do it: one processor changes an entry that the other one uses, and
 * waits until that has invalidated it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/guests/irq/irq.h"
#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/pages.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"

#define PAGE  PAGE_AREA_FREE
#define FLAGS (PTE_RW | PTE_A | PTE_D)

/* The page is mapped to the one and the other in turn; each holds its own number. */
static uint64_t frames[2][PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));

static struct {
	uint64_t expected; /* shootdowns until the work is done */
	bool halts;
} work;

/* What the handler on the second processor is to invalidate, and what it read there afterwards. */
volatile uint8_t *shootdown_page;
volatile uint64_t shootdown_seen;

static uint64_t entry_of(uint64_t number)
{
	return (uintptr_t)frames[number % 2] | FLAGS | PTE_P;
}

/* The page is in its TLB whenever it is interrupted, unless it halts. */
static void use_page(void)
{
	sti();
	while (!work.halts && second_count < work.expected)
		(void)*page_address(PAGE);
	cli();
	while (second_count < work.expected)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
}

static void shoot_down(struct run *run, bool halts)
{
	uint64_t number = 0;

	if (!second_is_there(run))
		return;
	irq_start(irq_count_entry);
	second_count = 0;
	trap_gate(VECTOR_SECOND, second_shootdown_entry);
	for (uint32_t i = 0; i < 2; i++)
		frames[i][0] = i;
	page_map(PAGE, (uintptr_t)frames[0], FLAGS);
	shootdown_page = page_address(PAGE);
	work.expected = run_samples(run);
	work.halts = halts;
	second_begin(use_page);
	for (struct sample *s = run->first; s != run->end; s++) {
		number++;
		sample_begin(s);
		area_pt[PAGE] = entry_of(number);
		invlpg(page_address(PAGE));
		wrmsr(MSR_X2APIC_ICR, (uint64_t)second_apic_id() << 32 | VECTOR_SECOND);
		while (second_count < number)
			__asm__ volatile("" : : : "memory");
		sample_end(s);
		expect("too-many", second_count, number);
		expect("stale-translation", shootdown_seen, number % 2);
	}
	second_finish();
	trap_gate(VECTOR_SECOND, NULL);
	page_unmap(PAGE);
	irq_finish(0);
}

void bench_tlbshoot(struct run *run)
{
	shoot_down(run, false);
}

void bench_tlbshoot_halted(struct run *run)
{
	shoot_down(run, true);
}
