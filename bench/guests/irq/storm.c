/* A storm: the second processor posts interrupts at a set rate to the first, which computes. */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/irq/irq.h"
#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"

/* Of a loop of two instructions; a few interrupts come in it at the lowest rate. */
#define COMPUTE_ROUNDS 20000

static struct {
	uint32_t apic_id;     /* of the one that computes */
	uint64_t period;      /* ticks from one interrupt to the next; 0: none at all */
	uint64_t sent;	      /* so far */
	struct sample *first; /* one for each interrupt; NULL: they are the other processor's */
	struct sample *end;
	bool over;
} storm;

static void compute(void)
{
	uint32_t rounds = COMPUTE_ROUNDS;

	__asm__ volatile("1: dec %0\n"
			 "jnz 1b\n"
			 : "+r"(rounds)
			 :
			 : "cc");
}

/* The one before has been taken. */
static void close_sample(void)
{
	struct sample *s = storm.first + storm.sent - 1;

	s->opened = s->begin;
	s->end = irq_stamp;
	s->closed = rdtsc_ordered();
}

static void post(void)
{
	if (storm.first) {
		if (storm.sent > 0)
			close_sample();
		if (storm.first + storm.sent == storm.end) {
			__atomic_store_n(&storm.over, true, __ATOMIC_RELEASE);
			return;
		}
		sample_begin(storm.first + storm.sent);
	}
	storm.sent++;
	wrmsr(MSR_X2APIC_ICR, (uint64_t)storm.apic_id << 32 | VECTOR_IRQ);
}

/*
 * One that comes while the one before waits to be taken would become one with it: it is left out,
 * so that those sent are those to arrive.
 */
static void post_at_rate(void)
{
	uint64_t due = storm.period ? rdtsc_ordered() + storm.period : UINT64_MAX;

	while (!__atomic_load_n(&storm.over, __ATOMIC_ACQUIRE)) {
		uint64_t now = rdtsc_ordered();

		if (now < due)
			continue;
		due += ((now - due) / storm.period + 1) * storm.period;
		if (irq_count == storm.sent)
			post();
	}
}

static void start_storm(const struct run *run, bool sampled)
{
	irq_start(sampled ? irq_stamp_entry : irq_count_entry);
	storm.apic_id = (uint32_t)rdmsr(MSR_X2APIC_APICID);
	storm.period = run->ticks;
	storm.sent = 0;
	storm.first = sampled ? run->first : NULL;
	storm.end = run->end;
	storm.over = false;
	second_begin(post_at_rate);
	sti();
}

static void finish_storm(void)
{
	second_finish();
	irq_wait(storm.sent);
	if ((storm.sent > 0) != (storm.period > 0))
		fail("no-storm sent=%lu", storm.sent);
	irq_finish(storm.sent);
}

/* What the first processor gets done meanwhile. */
void bench_storm(struct run *run)
{
	if (!second_is_there(run))
		return;
	start_storm(run, false);
	for (struct sample *s = run->first; s != run->end; s++) {
		sample_begin(s);
		compute();
		sample_end(s);
	}
	__atomic_store_n(&storm.over, true, __ATOMIC_RELEASE);
	finish_storm();
}

/* How long each interrupt is on its way. */
void bench_storm_latency(struct run *run)
{
	if (!second_is_there(run))
		return;
	start_storm(run, true);
	while (!__atomic_load_n(&storm.over, __ATOMIC_ACQUIRE))
		compute();
	finish_storm();
}
