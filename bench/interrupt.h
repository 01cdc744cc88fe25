/*
 * Ctrl-C and its kin (SIGINT, SIGTERM, SIGHUP), kept from ending vmfee in the middle of something.
 */
#ifndef BENCH_INTERRUPT_H
#define BENCH_INTERRUPT_H

#include "bench/err.h"

#include <signal.h>

struct interrupts {
	int descriptor;	 /* becomes readable when one of the signals has come; -1: none can */
	sigset_t before; /* the signals that were blocked without them */
};

/*
 * From here on the signals wait, and reaching the limit on the size of a file is no signal at all.
 * Returns 0, or -1 with VMFEE_SYSTEM; interrupts_end() is due either way.
 */
int interrupts_begin(struct interrupts *interrupts, struct vmfee_error *err);

/* Returns 0, or -1 with VMFEE_INTERRUPTED once one of the signals has come. */
int interrupts_check(const struct interrupts *interrupts, struct vmfee_error *err);

/* The signals do again what they did before; those that are still waiting are forgotten. */
void interrupts_end(struct interrupts *interrupts);

#endif
