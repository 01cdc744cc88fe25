/*
 * How a run ended, from what its console said and from how the machine ended.
 */
#ifndef BENCH_VERDICT_H
#define BENCH_VERDICT_H

#include "bench/bochs.h"
#include "bench/console.h"

/* How the machine under a stack ended. */
struct machine_end {
	enum bochs_end end;
	const char *message;	    /* what Bochs or the launcher said last */
	unsigned watchdog;	    /* its limit, in million ticks */
	const char *cpu;	    /* the model that the machine should have */
	enum vmfee_status launcher; /* how the launcher ended, where there is one */
};

/*
 * Judges a stack whose machine has ended.  Returns 0 where every level ended well and all samples
 * are there; or -1 with VMFEE_PANIC, VMFEE_USAGE (a hypervisor refused to start), VMFEE_IMAGE
 * (a hypervisor refused its guest's image), VMFEE_GUEST, VMFEE_WATCHDOG, VMFEE_DISK, VMFEE_SYSTEM
 * or what a launcher ended with.
 */
int verdict(const struct stack *stack, struct console *console, const struct machine_end *machine,
	    struct vmfee_error *err);

#endif
