/*
 * What stacks stand on, and what a tick is there.
 */
#ifndef BENCH_PLATFORM_H
#define BENCH_PLATFORM_H

#include <stdbool.h>

struct platform {
	const char *name;
	const char *tick;    /* what one tick is */
	const char *unit;    /* the heading over ticks */
	const char *caution; /* how not to read them; the end of a sentence */
	const char *machine; /* what stands at the bottom: "bochs" */
	bool kvm;	     /* KVM lies beneath every hypervisor */
};

/* The platform of that name, or NULL. */
const struct platform *platform_find(const char *name);

#endif
