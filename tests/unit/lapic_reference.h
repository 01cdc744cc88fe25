/*
 * What a local APIC does with vectors, kept as plain lists: the reference that others are held
 * against (SDM volume 3, 11.8.3 and 11.8.4).
 */
#ifndef TESTS_UNIT_LAPIC_REFERENCE_H
#define TESTS_UNIT_LAPIC_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#define REFERENCE_VECTORS 256

struct lapic_reference {
	bool requested[REFERENCE_VECTORS];
	uint8_t served[REFERENCE_VECTORS]; /* a stack: the latest on top */
	unsigned depth;
	unsigned tpr;
};

/* The class that a vector has to be above. */
unsigned reference_floor(const struct lapic_reference *r);

/* The vector that is to be taken; -1 where there is none. */
int reference_pending(const struct lapic_reference *r);

/* It is taken, requested or not; and the latest one has ended. */
void reference_take(struct lapic_reference *r, unsigned vector);
void reference_end(struct lapic_reference *r);

#endif
