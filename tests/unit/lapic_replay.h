/* The log of a stress (bench/guests/irq/log.h), replayed against the reference of an APIC. */
#ifndef TESTS_UNIT_LAPIC_REPLAY_H
#define TESTS_UNIT_LAPIC_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_SIDES 2

/* What one processor has written; of one that took no part, nothing. */
struct replay_log {
	const uint8_t *bytes;
	size_t count;
};

struct replay_result {
	unsigned long taken, nmis;
	char why[160]; /* what is wrong */
};

/*
 * Whether each vector came once, and none before one above it or below what held it back.  What the
 * other processor sends is on its way until both have met again.
 */
bool replay(const struct replay_log logs[REPLAY_SIDES], struct replay_result *result);

#endif
