/*
 * What stacks stand on, and what a tick is there.
 */
#ifndef BENCH_PLATFORM_H
#define BENCH_PLATFORM_H

struct platform {
	const char *name;
	const char *tick;    /* what one tick is */
	const char *unit;    /* the heading over ticks */
	const char *caution; /* how not to read them; the end of a sentence */
};

/* The platform of that name, or NULL. */
const struct platform *platform_find(const char *name);

#endif
