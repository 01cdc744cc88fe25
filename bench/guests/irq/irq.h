/* Workloads on interrupts and timers: a row of bench/guests/irq.def and a function each. */
#ifndef BENCH_GUESTS_IRQ_IRQ_H
#define BENCH_GUESTS_IRQ_IRQ_H

#include <stdint.h>

#include "bench/guests/harness/sample.h"

#define BENCH(name, component, ops, samples, ticks, expect, function) \
	void bench_##function(struct run *run);
#include "bench/guests/irq.def"
#undef BENCH

#define VECTOR_IRQ 0x40

/*
 * Handlers of as few instructions as there can be (handlers.S).  The one counts the interrupt and
 * ends it; the other also keeps the time at which it began.  irq_nmi counts and has nothing to end.
 */
extern const uint8_t irq_count_entry[], irq_stamp_entry[], irq_nmi_entry[];
extern volatile uint64_t irq_count;
extern volatile uint64_t irq_stamp;

/* The same for the second processor, which counts and stamps for itself. */
#define VECTOR_SECOND 0x50
extern const uint8_t second_stamp_entry[];
extern volatile uint64_t second_count;
extern volatile uint64_t second_stamp;

/* The second processor's answer to a shootdown (tlbshoot.c). */
extern const uint8_t second_shootdown_entry[];
extern volatile uint8_t *shootdown_page;
extern volatile uint64_t shootdown_seen;

/* Before a workload: the APIC on, no timer, no interrupt counted, VECTOR_IRQ to `entry`. */
void irq_start(const uint8_t *entry);

/* After it: interrupts off again, and `expected` of them, or the workload has failed. */
void irq_finish(uint64_t expected);

/* Runs on until the interrupt with number `number` has been counted. */
static inline __attribute__((always_inline)) void irq_wait(uint64_t number)
{
	while (irq_count < number)
		__asm__ volatile("" : : : "memory");
}

#endif
