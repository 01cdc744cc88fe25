/*
 * What a stress has seen, step by step, for others to judge.  With `log=1` on the command line it
 * is kept and printed, and build/stress-check replays it against a reference of an APIC.
 */
#ifndef BENCH_GUESTS_IRQ_LOG_H
#define BENCH_GUESTS_IRQ_LOG_H

#include <stdint.h>

#include "bench/guests/harness/sample.h"
#include "bench/guests/irq/log_step.h"

/* Where each processor's log goes on; 0: nothing is kept. */
extern uint64_t log_cursor[LOG_SIDES];

/* For the handler of an interrupt, too, that comes while its processor does this. */
static inline void log_put(unsigned side, enum log_step step, uint32_t number)
{
	uint8_t *at;

	if (!__atomic_load_n(&log_cursor[side], __ATOMIC_RELAXED))
		return;
	at = (uint8_t *)__atomic_fetch_add(&log_cursor[side], 2, __ATOMIC_RELAXED);
	at[0] = (uint8_t)step;
	at[1] = (uint8_t)number;
}

/* Begins one, if the command line asks for it.  */
void log_begin(const struct run *run);

/* Prints what has been kept, and ends it. */
void log_print(void);

#endif
