/*
 * The machine's memory: what is the hypervisor's, and what is left for the guest.
 */
#ifndef L1VMM_BOOT_MEMORY_H
#define L1VMM_BOOT_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/boot/boot_info.h"
#include "l1vmm/lib/page_table.h"

struct memory_range {
	uint64_t base; /* hpa */
	uint64_t size; /* bytes */
};

/* Takes stock of the memory map: usable memory from 1 MB to 4 GiB less the image and the modules.
 */
void memory_init(const struct boot_info *boot);

/*
 * Takes the `bytes` at `base` out of what is free.  False where they are not all in one free piece.
 */
bool memory_set_aside(uint64_t base, uint64_t bytes);

/* Sets `bytes` aside for memory_alloc().  False where there is no such piece. */
bool memory_make_pool(uint64_t bytes);

/* All usable memory of the machine in bytes. */
uint64_t memory_total(void);

/* `pages` zeroed pages of 4 KB in one piece, from the pool; 0 where it is used up. */
uint64_t memory_alloc(uint64_t pages);

/*
 * Takes the largest piece that is left and begins at a multiple of `alignment`, at most `limit`
 * bytes.  Both ends are on 2 MB.
 */
struct memory_range memory_take_largest(uint64_t limit, uint64_t alignment);

/* The pool as page tables take it, mapped at its own addresses. */
extern const struct page_table_memory memory_for_tables;

#endif
