#include "tests/unit/lapic_reference.h"

#define FIRST_LEGAL_VECTOR 16

unsigned reference_floor(const struct lapic_reference *r)
{
	unsigned floor = r->tpr >> 4;

	for (unsigned i = 0; i < r->depth; i++)
		if (r->served[i] >> 4 > (int)floor)
			floor = r->served[i] >> 4;
	return floor;
}

int reference_pending(const struct lapic_reference *r)
{
	unsigned floor = reference_floor(r);

	for (int vector = REFERENCE_VECTORS - 1; vector >= FIRST_LEGAL_VECTOR; vector--)
		if (r->requested[vector])
			return (unsigned)vector >> 4 > floor ? vector : -1;
	return -1;
}

void reference_take(struct lapic_reference *r, unsigned vector)
{
	r->requested[vector] = false;
	r->served[r->depth++] = (uint8_t)vector;
}

void reference_end(struct lapic_reference *r)
{
	if (r->depth)
		r->depth--;
}
