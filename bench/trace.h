/*
 * The trace of a stack: from the outbox of its disk to a CTF trace on the host, and from there to
 * sums of exits.
 */
#ifndef BENCH_TRACE_H
#define BENCH_TRACE_H

#include "bench/console.h"
#include "bench/exits.h"
#include "bench/experiment.h"

#include <stdint.h>

struct trace_source {
	const char *disk;      /* path of the image; NULL: the trace is in its folder already */
	uint64_t lba, sectors; /* its outbox */
	const char *folder;    /* of the trace; made here where there is a disk */
	const struct experiment_stack *stack;
	const char *platform, *tick; /* for the metadata: "bochs", "emulated instruction" */
};

/*
 * Writes the trace, where it is still on a disk, and adds its records up.  What was read is held
 * against what the hypervisor's console said it wrote.  Returns 0; or -1 with VMFEE_DISK, or
 * VMFEE_SYSTEM, also for a trace that is damaged or cut short.
 */
int trace_take(const struct trace_source *source, const struct console *console,
	       struct exits *exits, struct vmfee_error *err);

#endif
