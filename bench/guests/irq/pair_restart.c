/* A second processor that takes no vectors: one that is started anew, and one that masks them. */
#include <stddef.h>

#include "bench/guests/irq/irq.h"
#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/x86.h"

static uint64_t load(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static void add(uint64_t *value)
{
	__atomic_store_n(value, *value + 1, __ATOMIC_RELEASE);
}

static uint64_t starts;

static void spin_masked(void)
{
	add(&starts);
	for (;;)
		__asm__ volatile("" : : : "memory");
}

static void halt_masked(void)
{
	add(&starts);
	for (;;)
		hlt();
}

static void halt(void)
{
	add(&starts);
	for (;;)
		__asm__ volatile("sti; hlt" : : : "memory");
}

/* INIT and start-up to a processor that does not listen otherwise: each starts it once, anew. */
void bench_ipi_restart(struct run *run)
{
	static void (*const works[])(void) = {spin_masked, halt_masked, halt};
	uint64_t number = 1;

	if (!second_is_there(run))
		return;
	irq_start(irq_count_entry);
	starts = 0;
	second_begin(spin_masked);
	for (struct sample *s = run->first; s != run->end; s++) {
		while (load(&starts) < number)
			pause();
		sample_begin(s);
		second_restart(works[number % 3]);
		while (load(&starts) == number)
			pause();
		sample_end(s);
		expect("wrong-start", starts, ++number);
	}
	second_restart(NULL);
	expect("wrong-starts", starts, number);
}

#define ICR_NMI	     0x400
#define FIRST_VECTOR 0x60
#define VECTOR_COUNT 16	  /* all of one class */
#define NMI_INTERVAL 4000 /* ticks, from the first to the second */

/* Of the second processor: how often it has halted, woken up, and taken vectors. */
static uint64_t halts, wake_ups, vectors_taken;
static volatile uint64_t nmis;
static uint64_t turns;

static void take(struct trap_frame *frame)
{
	expect("wrong-order", frame->vector,
	       FIRST_VECTOR + VECTOR_COUNT - 1 - vectors_taken % VECTOR_COUNT);
	apic_eoi();
	add(&vectors_taken);
}

static void take_nmi(struct trap_frame *frame)
{
	(void)frame;
	nmis++;
}

/* Nothing but an NMI wakes it; what has come meanwhile it takes then, the highest first. */
static void halt_masked_for_nmis(void)
{
	for (uint64_t i = 0; i < turns; i++) {
		uint64_t before = nmis;

		add(&halts);
		hlt();
		if (nmis == before)
			fail("woken-by-vector");
		add(&wake_ups);
		while (load(&vectors_taken) < load(&wake_ups) * VECTOR_COUNT)
			__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	}
}

/*
 * An NMI may come before it halts.  Several hypervisors up one takes long, and the next may not
 * always come before it is over.
 */
static void wake(uint64_t number)
{
	for (uint64_t interval = NMI_INTERVAL; load(&wake_ups) < number; interval *= 2) {
		uint64_t start = rdtsc_ordered();

		wrmsr(MSR_X2APIC_ICR, (uint64_t)second_apic_id() << 32 | ICR_NMI);
		while (load(&wake_ups) < number && rdtsc_ordered() - start < interval)
			pause();
	}
}

void bench_ipi_masked(struct run *run)
{
	uint64_t number = 0;

	if (!second_is_there(run))
		return;
	irq_start(irq_count_entry);
	for (uint32_t i = 0; i < VECTOR_COUNT; i++)
		trap_handle((uint8_t)(FIRST_VECTOR + i), take);
	trap_handle(VECTOR_NMI, take_nmi);
	turns = run_samples(run);
	halts = wake_ups = vectors_taken = 0;
	second_begin(halt_masked_for_nmis);
	for (struct sample *s = run->first; s != run->end; s++) {
		number++;
		while (load(&halts) < number)
			pause();
		sample_begin(s);
		for (uint32_t i = 0; i < VECTOR_COUNT; i++)
			wrmsr(MSR_X2APIC_ICR,
			      (uint64_t)second_apic_id() << 32 | (FIRST_VECTOR + i));
		expect("woken-by-vector", load(&wake_ups), number - 1);
		wake(number);
		while (load(&vectors_taken) < number * VECTOR_COUNT)
			pause();
		sample_end(s);
	}
	second_finish();
	expect("wrong-count", vectors_taken, number * VECTOR_COUNT);
	for (uint32_t i = 0; i < VECTOR_COUNT; i++)
		trap_handle((uint8_t)(FIRST_VECTOR + i), NULL);
	trap_handle(VECTOR_NMI, NULL);
}
