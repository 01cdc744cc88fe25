/* A guest-physical memory of a few pages, and a vCPU's paging state, for tests of the walker. */
#ifndef TESTS_UNIT_WALK_FIXTURE_H
#define TESTS_UNIT_WALK_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "shadow/walk.h"

#define FAKE_PAGES 16
#define FAKE_SIZE  (FAKE_PAGES * 4096)

struct fake_memory {
	uint8_t bytes[FAKE_SIZE];
	unsigned exchanges;
	/* Another vCPU: called before each exchange, may edit the entry at gpa.  NULL for none. */
	void (*interfere)(struct fake_memory *fake, uint64_t gpa);
};

/* The functions of a walk through fake. */
struct walk_memory fake_walk_memory(struct fake_memory *fake);

/* An entry of size 4 or 8; gpa must lie within memory. */
uint64_t fake_get(const struct fake_memory *fake, uint64_t gpa, unsigned size);
void fake_set(struct fake_memory *fake, uint64_t gpa, unsigned size, uint64_t value);

#endif
