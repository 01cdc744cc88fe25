/*
 * How a run ended, from what its console said and from how the machine ended.
 */
#ifndef BENCH_VERDICT_H
#define BENCH_VERDICT_H

#include "bench/bochs.h"
#include "bench/console.h"

/*
 * Judges a machine that has ended; message is what Bochs said last, watchdog its limit in million
 * ticks.  Returns 0 where every level ended well and all samples are there; or -1 with VMFEE_PANIC,
 * VMFEE_GUEST, VMFEE_WATCHDOG, VMFEE_DISK or VMFEE_SYSTEM.
 */
int verdict(struct console *console, enum bochs_end end, const char *message, unsigned watchdog,
	    struct vmfee_error *err);

#endif
