/*
 * Address spaces: 4-level tables of their own, with the kernel where it always is and 1 GiB of 4 KB
 * pages at SPACE_START that differ from space to space.  A present entry of these holds one
 * reference to its frame.
 */
#ifndef BENCH_GUESTS_RT_SPACE_H
#define BENCH_GUESTS_RT_SPACE_H

#include <stdint.h>

#include "l1vmm/arch/x86.h"

#define SPACE_START UINT64_C(0x10000000000) /* slot 2 of the PML4 */
#define SPACE_PAGES (PTES_PER_PAGE * PTES_PER_PAGE)

struct space {
	uint64_t root;	    /* of the PML4, physical, as CR3 takes it */
	uint64_t directory; /* of the one page directory, physical */
};

/* Makes a space in which no page is mapped. */
void space_init(struct space *space);

/* Gives back all of a space that is not entered: its tables and its references to frames. */
void space_destroy(struct space *space);

/* Loads CR3 with the space, or with the kernel's own tables, which map none. */
void space_enter(const struct space *space);
void space_leave(void);

static inline volatile uint8_t *space_address(uint32_t page)
{
	return (volatile uint8_t *)(SPACE_START + (uint64_t)page * PAGE_SIZE);
}

/* The entry that maps `page`, below SPACE_PAGES; makes the table that it is in. */
volatile uint64_t *space_entry(const struct space *space, uint32_t page);

/*
 * Has `page`, which is not mapped, map `frame` and takes over the caller's reference to it; `flags`
 * are PTE_* bits, PTE_P implied.
 */
void space_map(const struct space *space, uint32_t page, uint64_t frame, uint64_t flags);

/* Maps `pages` pages from `first` on to frames of their own, with `flags` as above. */
void space_fill(const struct space *space, uint32_t first, uint32_t pages, uint64_t flags);

/* Where the kernel sees the memory of `page`, found by software; NULL where it is not mapped. */
void *space_memory(const struct space *space, uint32_t page);

#endif
