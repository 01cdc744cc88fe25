#include "l1vmm/boot/memory.h"

#include <stddef.h>

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/boot/layout.h"
#include "l1vmm/lib/string.h"

#define MAX_RANGES 64
#define LOW_LIMIT  0x100000		 /* below lie the BIOS and its data */
#define HIGH_LIMIT UINT64_C(0x100000000) /* above, the early tables map nothing */

/* Free memory, unordered. */
static struct memory_range ranges[MAX_RANGES];
static size_t range_count;
static uint64_t total;
static struct memory_range pool;
static uint64_t pool_used;

static uint64_t align_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

static void add(uint64_t base, uint64_t end)
{
	if (end > base && range_count < MAX_RANGES)
		ranges[range_count++] = (struct memory_range){base, end - base};
}

/* Takes [base, end) out of what is free: of each range the part below and the part above stay. */
static void reserve(uint64_t base, uint64_t end)
{
	struct memory_range old[MAX_RANGES];
	size_t count = range_count;

	memcpy(old, ranges, sizeof(old));
	range_count = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t old_end = old[i].base + old[i].size;

		add(old[i].base, base < old_end ? base : old_end);
		add(end > old[i].base ? end : old[i].base, old_end);
	}
}

static void add_usable(const struct hvm_memmap_table_entry *entry)
{
	uint64_t end = entry->addr + entry->size;

	if (entry->type != XEN_HVM_MEMMAP_TYPE_RAM || end < entry->addr)
		return;
	total += entry->size;
	add(entry->addr > LOW_LIMIT ? entry->addr : LOW_LIMIT, end < HIGH_LIMIT ? end : HIGH_LIMIT);
}

/* Where, in a free range, `size` aligned bytes begin; 0 where they do not fit. */
static uint64_t place(const struct memory_range *range, uint64_t size, uint64_t alignment)
{
	uint64_t base = align_up(range->base, alignment);
	uint64_t end = range->base + range->size;

	return base < end && end - base >= size ? base : 0;
}

bool memory_make_pool(uint64_t bytes)
{
	bytes = align_up(bytes, PAGE_SIZE_2M);
	for (size_t i = 0; i < range_count; i++) {
		uint64_t base = place(&ranges[i], bytes, PAGE_SIZE_2M);

		if (base) {
			pool = (struct memory_range){base, bytes};
			reserve(base, base + bytes);
			return true;
		}
	}
	return false;
}

void memory_init(const struct boot_info *boot)
{
	for (uint32_t i = 0; i < boot->memmap_count; i++)
		add_usable(&boot->memmap[i]);
	/* A map may say of the same address that it is usable and that it is not. */
	for (uint32_t i = 0; i < boot->memmap_count; i++)
		if (boot->memmap[i].type != XEN_HVM_MEMMAP_TYPE_RAM)
			reserve(boot->memmap[i].addr, boot->memmap[i].addr + boot->memmap[i].size);
	reserve((uintptr_t)image_start, (uintptr_t)image_end);
	for (uint32_t i = 0; i < boot->module_count; i++)
		reserve(boot->modules[i].paddr, boot->modules[i].paddr + boot->modules[i].size);
}

bool memory_set_aside(uint64_t base, uint64_t bytes)
{
	for (size_t i = 0; i < range_count; i++) {
		const struct memory_range *r = &ranges[i];

		if (base < r->base || base - r->base > r->size ||
		    bytes > r->size - (base - r->base))
			continue;
		reserve(base, base + bytes);
		return true;
	}
	return false;
}

uint64_t memory_total(void)
{
	return total;
}

uint64_t memory_alloc(uint64_t pages)
{
	uint64_t bytes = pages * PAGE_SIZE;
	uint64_t base = pool.base + pool_used;

	if (bytes > pool.size - pool_used)
		return 0;
	pool_used += bytes;
	stos64((void *)base, 0, bytes / sizeof(uint64_t));
	return base;
}

struct memory_range memory_take_largest(uint64_t limit, uint64_t alignment)
{
	struct memory_range best = {0, 0};

	for (size_t i = 0; i < range_count; i++) {
		uint64_t base = place(&ranges[i], PAGE_SIZE_2M, alignment);
		uint64_t size = base ? ranges[i].base + ranges[i].size - base : 0;

		size &= ~(uint64_t)(PAGE_SIZE_2M - 1);
		if (size > best.size)
			best = (struct memory_range){base, size};
	}
	if (best.size > limit)
		best.size = limit & ~(uint64_t)(PAGE_SIZE_2M - 1);
	if (best.size)
		reserve(best.base, best.base + best.size);
	return best;
}

static uint64_t alloc_table(void *ctx)
{
	(void)ctx;
	return memory_alloc(1);
}

static uint64_t *table_at(void *ctx, uint64_t hpa)
{
	(void)ctx;
	return (uint64_t *)hpa;
}

const struct page_table_memory memory_for_tables = {.alloc = alloc_table, .table = table_at};
