/*
 * Cases of a guest hypervisor that edits, on one processor, what the guest of its other one runs
 * on.
 */
#ifndef TESTS_GUESTS_VMX_PAIR_H
#define TESTS_GUESTS_VMX_PAIR_H

#include <stdbool.h>
#include <stdint.h>

struct hostile {
	const char *name;
	bool (*prepare)(void); /* the second's; false: it is not offered what it takes */
	void (*run)(void);     /* the second's, again and again */
	void (*edit)(void);    /* and meanwhile the first's */
};

/* vmx_pair_memory.c: tables and bitmaps. */
extern const struct hostile hostile_ept, hostile_bitmaps, hostile_bitmaps_agreed;

/* Numbers below `limit`; each processor, the first or the second, has random ones of its own. */
uint32_t pair_random(unsigned processor, uint32_t limit);

/* Stores to what another processor reads. */
static inline void pair_put(uint64_t *at, uint64_t value)
{
	__atomic_store_n(at, value, __ATOMIC_SEQ_CST);
}

/* The guest is to go on there. */
void pair_start_at(const char *rip);

_Noreturn void pair_unexpected(uint64_t reason);

#endif
