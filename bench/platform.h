/*
 * What stacks stand on, and what a tick is there.
 */
#ifndef BENCH_PLATFORM_H
#define BENCH_PLATFORM_H

#include <stdbool.h>

enum platform_machine {
	PLATFORM_BOCHS, /* boots each stack from a disk of its own */
	PLATFORM_HOST,	/* this machine's own KVM, by bench/launcher/ */
};

struct platform {
	const char *name;
	const char *tick;    /* what one tick is */
	const char *unit;    /* the heading over ticks */
	const char *caution; /* how not to read them; the end of a sentence */
	enum platform_machine machine;
	bool kvm; /* KVM lies beneath every hypervisor */
};

/* The platform of that name, or NULL. */
const struct platform *platform_find(const char *name);

/*
 * The platform of that name where machines have up to `cpus` processors: a tick may be another one.
 * @pre there is such a platform
 */
const struct platform *platform_with(const char *name, unsigned cpus);

#endif
