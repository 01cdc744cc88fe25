/*
 * The image's own physical memory in 4 KB frames with reference counts.  The pool and its books lie
 * above 32 MB; taking and giving back a frame never writes to it.
 */
#ifndef BENCH_GUESTS_RT_FRAMES_H
#define BENCH_GUESTS_RT_FRAMES_H

#include <stdint.h>

#include "l1vmm/boot/start_info.h"

/*
 * Sets up a pool of `count` frames and writes to each of them, so that whatever a hypervisor does
 * on the first touch of memory is done.  Fails the image where there is not so much memory.
 */
void frames_init(const struct start_info_view *boot, uint32_t count);

/* The physical address of a free frame, with one reference; its contents are anything. */
uint64_t frame_alloc(void);

/* One reference more, one less; without a reference the frame is free. */
void frame_share(uint64_t paddr);
void frame_release(uint64_t paddr);

uint32_t frame_references(uint64_t paddr);

/* How many frames are free. */
uint32_t frames_free(void);

/* Where the kernel sees physical memory. */
static inline void *frame_memory(uint64_t paddr)
{
	return (void *)paddr;
}

#endif
