/* Interrupts from one processor to another. */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/irq/irq.h"
#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"

/* In ticks: a processor that has been woken up is in its next HLT by then, under a hypervisor too.
 */
#define TIME_TO_HALT 5000

/* What the second processor is to do, set before it begins. */
static struct {
	uint32_t first_apic_id;
	uint64_t expected;	    /* interrupts until its work is done */
	volatile uint64_t returned; /* interrupts behind whose end it has gone on */
	bool halts;
} work;

static void send(uint32_t apic_id, uint32_t vector)
{
	wrmsr(MSR_X2APIC_ICR, (uint64_t)apic_id << 32 | vector);
}

/* The first processor's half: nothing counted yet, and whom to answer. */
static void start_pair(const struct run *run, bool halts)
{
	irq_start(irq_stamp_entry);
	second_count = 0;
	trap_gate(VECTOR_SECOND, second_stamp_entry);
	work.first_apic_id = (uint32_t)rdmsr(MSR_X2APIC_APICID);
	work.expected = run_samples(run);
	work.returned = 0;
	work.halts = halts;
}

/* Each interrupt has come once, to the one that it was sent to. */
static void finish_pair(const struct run *run, uint64_t to_first)
{
	second_finish();
	trap_gate(VECTOR_SECOND, NULL);
	expect("wrong-count-at-second", second_count, run_samples(run));
	irq_finish(to_first);
}

static void wait_for(uint64_t number)
{
	while (!work.halts && second_count < number)
		__asm__ volatile("" : : : "memory");
	while (second_count < number)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* It goes on when the handler has returned, and says so. */
static void compute(void)
{
	sti();
	while (work.returned < work.expected)
		work.returned = second_count;
}

/* The same, from HLT. */
static void halt(void)
{
	while (work.returned < work.expected) {
		wait_for(work.returned + 1);
		work.returned = second_count;
	}
}

/* Halted, it is interrupted in HLT alone: nothing comes between the look at the count and that. */
static void answer(void)
{
	for (uint64_t number = 1; number <= work.expected; number++) {
		if (!work.halts)
			sti();
		wait_for(number);
		expect("too-many-at-second", second_count, number);
		send(work.first_apic_id, VECTOR_IRQ);
	}
}

static void let_it_halt(void)
{
	uint64_t start = rdtsc_ordered();

	while (rdtsc_ordered() - start < TIME_TO_HALT)
		pause();
}

/* To a processor that computes, or is halted; the time stamps of both are the same. */
static void one_way(struct run *run, bool whole, bool halts)
{
	uint64_t number = 0;

	if (!second_is_there(run))
		return;
	start_pair(run, halts);
	second_begin(halts ? halt : compute);
	for (struct sample *s = run->first; s != run->end; s++) {
		number++;
		if (halts)
			let_it_halt();
		sample_begin(s);
		send(second_apic_id(), VECTOR_SECOND);
		while (work.returned < number)
			__asm__ volatile("" : : : "memory");
		s->opened = s->begin;
		s->closed = rdtsc_ordered();
		s->end = whole ? s->closed : second_stamp;
		expect("too-many", second_count, number);
	}
	finish_pair(run, 0);
}

void bench_ipi_latency(struct run *run)
{
	one_way(run, false, false);
}

void bench_ipi_whole(struct run *run)
{
	one_way(run, true, false);
}

void bench_ipi_halted_latency(struct run *run)
{
	one_way(run, false, true);
}

void bench_ipi_halted_whole(struct run *run)
{
	one_way(run, true, true);
}

static void there_and_back(struct run *run, bool halts)
{
	uint64_t number = 0;

	if (!second_is_there(run))
		return;
	start_pair(run, halts);
	second_begin(answer);
	sti();
	for (struct sample *s = run->first; s != run->end; s++) {
		sample_begin(s);
		send(second_apic_id(), VECTOR_SECOND);
		irq_wait(++number);
		sample_end(s);
		expect("too-many", irq_count, number);
	}
	finish_pair(run, run_samples(run));
}

void bench_ipi(struct run *run)
{
	there_and_back(run, false);
}

void bench_ipi_halted(struct run *run)
{
	there_and_back(run, true);
}
