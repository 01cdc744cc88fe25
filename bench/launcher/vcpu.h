/*
 * A vCPU's thread: runs the guest until it ends, one way or another.
 */
#ifndef BENCH_LAUNCHER_VCPU_H
#define BENCH_LAUNCHER_VCPU_H

#include "bench/launcher/machine.h"
#include "bench/launcher/ports.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum vcpu_end {
	VCPU_POWEROFF,
	VCPU_BAD_POWEROFF, /* it wrote another word than the one that ends a machine */
	VCPU_TRIPLE_FAULT,
	VCPU_NOT_EMULATED, /* it ran something that KVM would have to emulate, and does not */
	VCPU_STOPPED,	   /* by vcpu_stop(), or by what was to be done between lines */
	VCPU_BROKEN,	   /* KVM could not go on */
};

struct vcpu {
	struct machine *machine;
	struct ports *ports;
	int processor; /* of the host, that the thread is pinned to */
	int done;      /* an eventfd that becomes readable when the thread has ended */
	/* Called between two lines of the console; nonzero stops the guest.  May be NULL. */
	int (*between_lines)(void *ctx, struct vmfee_error *err);
	void *ctx;
	pthread_t thread;
	pthread_barrier_t start;
	atomic_bool stop;
	enum vcpu_end end;
	uint64_t rip;		/* where it ended */
	struct vmfee_error err; /* of VCPU_BROKEN, and of between_lines() */
};

/* Makes the thread, which has begun then and waits for vcpu_go().  Returns 0, or -1 with
 * VMFEE_SYSTEM. */
int vcpu_start(struct vcpu *vcpu, struct vmfee_error *err);

void vcpu_go(struct vcpu *vcpu);

/* Has the guest leave the processor for good.  It may have ended meanwhile. */
void vcpu_stop(struct vcpu *vcpu);

/* Waits for the thread's end. */
void vcpu_join(struct vcpu *vcpu);

#endif
