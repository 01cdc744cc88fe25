/*
 * A small kernel's virtual memory: pages that appear when they are first touched, and copies of
 * address spaces that share their pages until one side writes.
 */
#ifndef BENCH_GUESTS_MEMORY_VM_H
#define BENCH_GUESTS_MEMORY_VM_H

#include <stdint.h>

#include "bench/guests/rt/space.h"

/* Page faults that were handled since vm_begin(). */
struct vm_counts {
	uint64_t demand; /* a frame for a page that had none */
	uint64_t copied; /* a copy for the writer of a shared page */
	uint64_t reused; /* the shared page itself for its last user */
};

/* Enters `space` and handles the faults on its first `pages` pages; any other fails the image. */
void vm_begin(const struct space *space, uint32_t pages);

/* Enters another space, with as many pages. */
void vm_switch(const struct space *space);

/* Leaves the space; page faults are unexpected again. */
struct vm_counts vm_end(void);

/*
 * Makes `child` a copy of `parent`, the space that is entered: both share every frame, and no side
 * may write to one before it has a fault.
 */
void vm_fork(const struct space *parent, struct space *child);

/* Takes `pages` pages from `first` on out of `space`, which is entered, and releases their frames.
 */
void vm_discard(const struct space *space, uint32_t first, uint32_t pages);

#endif
