#include "bench/guests/rt/space.h"

#include <stddef.h>

#include "bench/guests/rt/frames.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/tables.h"
#include "l1vmm/lib/string.h"

#define SLOT	     (SPACE_START >> 39)
#define KERNEL_SLOTS 2 /* slots of the PML4 below that are the kernel's */
#define TABLE_FLAGS  (PTE_P | PTE_RW | PTE_US)

extern uint64_t pml4[PTES_PER_PAGE];

static volatile uint64_t *table(uint64_t paddr)
{
	return frame_memory(paddr);
}

static uint64_t table_alloc(void)
{
	uint64_t paddr = frame_alloc();

	memset(frame_memory(paddr), 0, PAGE_SIZE);
	return paddr;
}

void space_init(struct space *space)
{
	uint64_t pointers = table_alloc();

	space->root = table_alloc();
	space->directory = table_alloc();
	table(pointers)[0] = space->directory | TABLE_FLAGS;
	for (uint32_t i = 0; i < KERNEL_SLOTS; i++)
		table(space->root)[i] = pml4[i];
	table(space->root)[SLOT] = pointers | TABLE_FLAGS;
}

/* Empties an entry, as kernels do before what it pointed to is anybody else's; returns that. */
static uint64_t take_out(volatile uint64_t *entry)
{
	uint64_t paddr = *entry & PTE_ADDR_MASK;

	*entry = 0;
	return paddr;
}

static void release_leaves(uint64_t leaves)
{
	for (uint32_t i = 0; i < PTES_PER_PAGE; i++)
		if (table(leaves)[i] & PTE_P)
			frame_release(take_out(&table(leaves)[i]));
}

void space_destroy(struct space *space)
{
	uint64_t pointers = table(space->root)[SLOT] & PTE_ADDR_MASK;

	table_end(space->root);
	for (uint32_t i = 0; i < PTES_PER_PAGE; i++) {
		volatile uint64_t *entry = &table(space->directory)[i];

		if (!(*entry & PTE_P))
			continue;
		release_leaves(*entry & PTE_ADDR_MASK);
		frame_release(take_out(entry));
	}
	frame_release(take_out(&table(pointers)[0]));
	frame_release(take_out(&table(space->root)[SLOT]));
	frame_release(space->root);
	*space = (struct space){0};
}

void space_enter(const struct space *space)
{
	table_load(space->root);
}

void space_leave(void)
{
	table_load((uintptr_t)pml4);
}

volatile uint64_t *space_entry(const struct space *space, uint32_t page)
{
	volatile uint64_t *leaves = &table(space->directory)[page / PTES_PER_PAGE];

	if (!(*leaves & PTE_P))
		*leaves = table_alloc() | TABLE_FLAGS;
	return &table(*leaves & PTE_ADDR_MASK)[page % PTES_PER_PAGE];
}

void space_map(const struct space *space, uint32_t page, uint64_t frame, uint64_t flags)
{
	volatile uint64_t *entry = space_entry(space, page);

	expect("page-in-use", *entry & PTE_P, 0);
	*entry = frame | flags | PTE_P;
}

void space_fill(const struct space *space, uint32_t first, uint32_t pages, uint64_t flags)
{
	for (uint32_t i = 0; i < pages; i++)
		space_map(space, first + i, frame_alloc(), flags);
}

void *space_memory(const struct space *space, uint32_t page)
{
	uint64_t leaves = table(space->directory)[page / PTES_PER_PAGE];

	if (!(leaves & PTE_P))
		return NULL;

	uint64_t entry = table(leaves & PTE_ADDR_MASK)[page % PTES_PER_PAGE];

	return entry & PTE_P ? frame_memory(entry & PTE_ADDR_MASK) : NULL;
}
