/* The timer of the local APIC. */
#include <stdbool.h>

#include "bench/guests/irq/irq.h"
#include "bench/guests/rt/apic.h"

void bench_deadline_past(struct run *run)
{
	irq_start(irq_count_entry);
	apic_timer_deadline(VECTOR_IRQ);
	sti();
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN "wrmsr\nnop\n" SAMPLE_END
				 :
				 : "D"(s), "c"(MSR_IA32_TSC_DEADLINE), "a"(1), "d"(0)
				 : SAMPLE_CLOBBERS);
	irq_finish(run_samples(run));
}

static void take_deadlines(struct run *run, bool whole)
{
	uint64_t number = 0;

	irq_start(irq_stamp_entry);
	apic_timer_deadline(VECTOR_IRQ);
	sti();
	for (struct sample *s = run->first; s != run->end; s++) {
		s->opened = rdtsc_ordered();
		s->begin = s->opened + run->ticks;
		wrmsr(MSR_IA32_TSC_DEADLINE, s->begin);
		irq_wait(++number);
		s->closed = rdtsc_ordered();
		s->end = whole ? s->closed : irq_stamp;
	}
	irq_finish(run_samples(run));
}

void bench_deadline(struct run *run)
{
	take_deadlines(run, false);
}

void bench_deadline_whole(struct run *run)
{
	take_deadlines(run, true);
}

/* The count starts when the write to it ends, which only the processor knows: about here. */
void bench_oneshot(struct run *run)
{
	uint64_t number = 0;

	irq_start(irq_stamp_entry);
	apic_timer_count(VECTOR_IRQ, APIC_TIMER_ONE_SHOT);
	sti();
	for (struct sample *s = run->first; s != run->end; s++) {
		s->opened = rdtsc_ordered();
		s->begin = s->opened + run->ticks;
		wrmsr(MSR_X2APIC_INIT_COUNT, run->ticks);
		irq_wait(++number);
		s->end = irq_stamp;
		s->closed = rdtsc_ordered();
	}
	irq_finish(run_samples(run));
}

static void wake_from_halt(struct run *run, bool whole)
{
	irq_start(irq_stamp_entry);
	apic_timer_deadline(VECTOR_IRQ);
	for (struct sample *s = run->first; s != run->end; s++) {
		s->opened = rdtsc_ordered();
		s->begin = s->opened + run->ticks;
		wrmsr(MSR_IA32_TSC_DEADLINE, s->begin);
		__asm__ volatile("sti; hlt; cli" : : : "memory");
		s->closed = rdtsc_ordered();
		s->end = whole ? s->closed : irq_stamp;
	}
	irq_finish(run_samples(run));
}

void bench_haltwake(struct run *run)
{
	wake_from_halt(run, false);
}

void bench_haltwake_whole(struct run *run)
{
	wake_from_halt(run, true);
}

/* From one tick to the next, the first of which is that before the first sample. */
static void sample_ticks(struct run *run, uint64_t *number)
{
	uint64_t before;

	irq_wait(*number += 1);
	before = irq_stamp;
	for (struct sample *s = run->first; s != run->end; s++) {
		s->opened = rdtsc_ordered();
		s->begin = before;
		irq_wait(*number += 1);
		s->end = before = irq_stamp;
		s->closed = rdtsc_ordered();
	}
}

void bench_tick(struct run *run)
{
	uint64_t number = 0;

	irq_start(irq_stamp_entry);
	apic_timer_count(VECTOR_IRQ, APIC_TIMER_PERIODIC);
	sti();
	wrmsr(MSR_X2APIC_INIT_COUNT, run->ticks);
	sample_ticks(run, &number);
	cli();
	apic_timer_stop();
	/* One that came before that is not for the next workload. */
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

/*
 * As a kernel does without a periodic timer: each tick sets the next, a period after itself or,
 * where that is over, as many as it takes.
 */
void bench_tick_deadline(struct run *run)
{
	uint64_t number = 0, due;

	irq_start(irq_stamp_entry);
	apic_timer_deadline(VECTOR_IRQ);
	sti();
	due = rdtsc_ordered();
	for (struct sample *s = run->first; s != run->end; s++) {
		s->opened = rdtsc_ordered();
		s->begin = due;
		do
			due += run->ticks;
		while (due <= rdtsc_ordered());
		wrmsr(MSR_IA32_TSC_DEADLINE, due);
		irq_wait(++number);
		s->end = irq_stamp;
		s->closed = rdtsc_ordered();
	}
	irq_finish(run_samples(run));
}
