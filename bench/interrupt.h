/*
 * Ctrl-C and its kin (SIGINT, SIGTERM, SIGHUP), kept from ending vmfee in the middle of something.
 */
#ifndef BENCH_INTERRUPT_H
#define BENCH_INTERRUPT_H

#include "bench/err.h"

/*
 * From here on the signals wait, and reaching the limit on the size of a file is no signal at all.
 * Returns a descriptor that becomes readable when one has come, or -1 with VMFEE_SYSTEM.
 */
int interrupt_begin(struct vmfee_error *err);

/* Returns 0, or -1 with VMFEE_INTERRUPTED once one of the signals has come. */
int interrupt_check(int descriptor, struct vmfee_error *err);

#endif
