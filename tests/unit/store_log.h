/*
 * A log of every store into a region of memory, in the order in which they are made: what another
 * processor, or a page walk, could see in between.
 */
#ifndef TESTS_UNIT_STORE_LOG_H
#define TESTS_UNIT_STORE_LOG_H

#include <stddef.h>
#include <stdint.h>

/* A store to an aligned 64-bit word. */
struct store {
	size_t word; /* index from the start of the region */
	uint64_t value;
};

/*
 * Logs stores to the `bytes` bytes at `region`, both multiples of the page size, until
 * store_log_stop().  At most `capacity` of them are kept.  One log at a time.
 */
void store_log_start(void *region, size_t bytes, struct store *stores, size_t capacity);

/* Ends the log; returns how many stores there were. */
size_t store_log_stop(void);

#endif
