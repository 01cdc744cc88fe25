/*
 * The launcher as the machine under a stack: bench/launcher/ in a process of its own, upon this
 * machine's KVM.
 */
#ifndef BENCH_LAUNCH_H
#define BENCH_LAUNCH_H

#include "bench/process.h"
#include "bench/project.h"
#include "bench/stack.h"

#include <limits.h>
#include <stddef.h>

/* What the launcher leaves of a trace in the folder that it runs in. */
#define LAUNCH_OUTBOX "outbox"

struct launch_machine {
	const struct project *project;
	const struct stack *stack; /* KVM at its bottom; or a workload alone */
	const char *folder;
	unsigned memory;  /* MiB */
	unsigned seconds; /* until the guest is ended */
};

struct launch {
	struct process process;
	char folder[PATH_MAX];
	char version[64]; /* of the kernel, whose KVM it is */
};

/*
 * Starts the stack.  What a workload alone writes comes as it is; upon a level `kvm`, the launcher
 * writes that level's lines.  Returns 0, or -1.
 */
int launch_start(struct launch *launch, const struct launch_machine *machine,
		 struct vmfee_error *err);

/*
 * Reads what came on the console.  Returns how many bytes; 0 where there are none at the moment; -1
 * at the end.
 */
int launch_read(const struct launch *launch, char *bytes, size_t size);

/*
 * Waits for the launcher.  Returns how it ended; message, of size bytes, is what it said last, or
 * empty.
 */
enum vmfee_status launch_wait(struct launch *launch, char *message, size_t size);

/* Ends a launcher without asking it. */
void launch_kill(struct launch *launch);

/* Removes what it needed, the outbox too. */
void launch_clean(const struct launch *launch);

#endif
