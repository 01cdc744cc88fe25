#include "bench/guests/rt/memory.h"

extern const char image_end[];

static uint64_t minimum(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t maximum(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct memory_range free_memory(const struct start_info_view *boot, uint64_t floor,
				uint64_t alignment)
{
	struct memory_range best = {0};

	floor = maximum(floor, (uintptr_t)image_end);
	for (uint32_t i = 0; i < boot->memmap_count; i++) {
		const struct hvm_memmap_table_entry *entry = &boot->memmap[i];

		if (entry->type != XEN_HVM_MEMMAP_TYPE_RAM || entry->addr >= MAPPED_SIZE)
			continue;

		uint64_t size = minimum(entry->size, MAPPED_SIZE - entry->addr);
		uint64_t start = (maximum(entry->addr, floor) + alignment - 1) & -alignment;
		uint64_t end = (entry->addr + size) & -alignment;

		if (end > start && end - start > best.size)
			best = (struct memory_range){start, end - start};
	}
	return best;
}
