#ifndef BENCH_GUESTS_RT_MEMORY_H
#define BENCH_GUESTS_RT_MEMORY_H

#include <stdint.h>

#include "l1vmm/boot/start_info.h"

/* What entry.S maps, from address 0 on, in bytes. */
#define MAPPED_SIZE (UINT64_C(4) << 30)

/* A range of physical memory. */
struct memory_range {
	uint64_t start;
	uint64_t size; /* bytes */
};

/*
 * The largest range of usable memory that lies above both `floor` and the image, and below 4 GiB,
 * with both ends on a multiple of `alignment`, a power of two.  Its size is 0 where there is none.
 */
struct memory_range free_memory(const struct start_info_view *boot, uint64_t floor,
				uint64_t alignment);

#endif
