#include "bench/guests/rt/frames.h"

#include "bench/guests/rt/memory.h"
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/string.h"

/* Above what a loader or a hypervisor has put below the image's end, such as the start info. */
#define POOL_FLOOR (UINT64_C(32) << 20)

static struct {
	uint64_t start; /* physical address of frame 0 */
	uint32_t count;
	uint32_t free;	      /* entries of the stack */
	uint32_t *stack;      /* numbers of the free frames */
	uint32_t *references; /* of each frame */
} pool;

void frames_init(const struct start_info_view *boot, uint32_t count)
{
	struct memory_range range = free_memory(boot, POOL_FLOOR, PAGE_SIZE);
	uint64_t books = 2 * sizeof(uint32_t) * (uint64_t)count;
	uint64_t size = (uint64_t)count * PAGE_SIZE;

	if (range.size < books + size)
		fail("too-little-memory size=%lu wanted=%lu", range.size, books + size);
	/* The frames first, where they are aligned. */
	pool.start = range.start;
	pool.count = count;
	pool.free = count;
	pool.stack = frame_memory(range.start + size);
	pool.references = pool.stack + count;
	memset(pool.references, 0, sizeof(uint32_t) * count);
	for (uint32_t i = 0; i < count; i++) {
		pool.stack[i] = count - 1 - i;
		*(volatile uint64_t *)frame_memory(pool.start + (uint64_t)i * PAGE_SIZE) = 0;
	}
}

static uint32_t *references(uint64_t paddr)
{
	uint64_t number = (paddr - pool.start) / PAGE_SIZE;

	if (number >= pool.count || pool.references[number] == 0)
		fail("not-a-frame-in-use paddr=0x%lx", paddr);
	return &pool.references[number];
}

uint64_t frame_alloc(void)
{
	if (pool.free == 0)
		fail("out-of-frames count=%u", pool.count);

	uint32_t number = pool.stack[--pool.free];

	pool.references[number] = 1;
	return pool.start + (uint64_t)number * PAGE_SIZE;
}

void frame_share(uint64_t paddr)
{
	++*references(paddr);
}

void frame_release(uint64_t paddr)
{
	if (--*references(paddr) == 0)
		pool.stack[pool.free++] = (uint32_t)((paddr - pool.start) / PAGE_SIZE);
}

uint32_t frame_references(uint64_t paddr)
{
	return *references(paddr);
}

uint32_t frames_free(void)
{
	return pool.free;
}
