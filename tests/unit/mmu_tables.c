#include "tests/unit/mmu_tables.h"

#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/x86.h"

#define HOST 0x40000000UL /* hpa behind which the guest's frames lie, in no order */

#define HOST_LARGE 0x80000000UL

uint64_t rig_host_frame(uint64_t gpa)
{
	if (gpa - RIG_LARGE < RIG_LARGE_SIZE)
		return HOST_LARGE + (gpa - RIG_LARGE);
	return HOST + (gpa / PAGE_SIZE * 5 + 3) % 32 * PAGE_SIZE;
}

static uint64_t guest_frame(const struct mmu_rig *rig, uint64_t hpa)
{
	if (hpa - HOST_LARGE < RIG_LARGE_SIZE)
		return RIG_LARGE + (hpa - HOST_LARGE);
	rig_expect(rig, hpa >= HOST && hpa < HOST + 32 * PAGE_SIZE, "maps %#lx", hpa);
	/* 5 * 13 is 1 modulo 32. */
	return ((hpa - HOST) / PAGE_SIZE + 32 - 3) * 13 % 32 * PAGE_SIZE;
}

struct cache_step rig_read_shadow(const void *ctx, unsigned level, struct cached_table from,
				  uint64_t address)
{
	const struct mmu_rig *rig = ctx;
	const uint64_t *entries = rig->pool[(from.table - RIG_POOL) / PAGE_SIZE];
	uint64_t entry = entries[address >> (12 + 9 * (level - 1)) & 511];
	uint64_t next = entry & PTE_ADDR_MASK;
	struct cache_step step = {.kind = CACHE_NOTHING};

	if (!(entry & PTE_P))
		return step;
	if (level == 3 && paging_mode(&rig->state) != PAGING_4LEVEL) {
		rig_expect(rig, (entry & ~PTE_ADDR_MASK) == PTE_P, "PDPTE %#lx", entry);
		entry |= PTE_RW | PTE_US;
	}
	uint64_t rights =
		(from.rights & entry & (PTE_RW | PTE_US)) | ((from.rights | entry) & PTE_NX);
	if (level == 2 && entry & PTE_PS) {
		rig_expect(rig, next == HOST_LARGE && !rig->pieces, "maps 2 MB at %#lx", next);
		next += address & (RIG_LARGE_SIZE - PAGE_SIZE);
	} else if (level > 1) {
		rig_expect(rig, !(entry & PTE_PS), "a table of %#lx", entry);
		rig_expect(rig, (next - RIG_POOL) / PAGE_SIZE < rig->mmu.pool_pages,
			   "a table at %#lx", next);
		step.kind = CACHE_TABLE;
		step.table = (struct cached_table){next, rights};
		return step;
	}
	step.kind = CACHE_PAGE;
	step.page =
		(struct cached_page){guest_frame(rig, next), rights | (entry & PTE_D), PAGE_SIZE};
	return step;
}

struct cache_step rig_read_own(const void *ctx, unsigned level, struct cached_table from,
			       uint64_t address)
{
	const struct mmu_rig *rig = ctx;
	const struct paging_state *state = &rig->state;
	bool narrow = paging_mode(state) == PAGING_32BIT;
	unsigned bits = narrow ? 10 : 9, size = narrow ? 4 : 8;
	uint64_t span = BIT(12 + bits * (level - 1)), entry = 0;
	uint64_t gpa = from.table + (address / span & (BIT(bits) - 1)) * size;
	struct cache_step step = {.kind = CACHE_NOTHING};

	if (rig_offset(gpa) == RIG_BYTES)
		return step;
	memcpy(&entry, rig->memory.bytes + rig_offset(gpa), size);
	if (!(entry & PTE_P) || !(entry & PTE_A))
		return step;
	bool large = level > 1 && entry & PTE_PS && (!narrow || state->cr4 & CR4_PSE);
	uint64_t base = entry & PTE_ADDR_MASK, reserved = 0;
	if (!narrow) {
		reserved = 0xfff0000000000; /* 40 address bits */
		if (paging_mode(state) == PAGING_PAE)
			reserved |= 0x7ff0000000000000;
		if (!(state->efer & EFER_NXE))
			reserved |= PTE_NX;
		if (large)
			reserved |= level == 4 ? PTE_PS : span - 1 - 0x1fff;
	} else if (large) {
		reserved = BIT(21);
		base = (entry & 0xffc00000) + ((entry & 0x1fe000) << 19);
	}
	if (entry & reserved)
		return step;
	uint64_t rights =
		(from.rights & entry & (PTE_RW | PTE_US)) | ((from.rights | entry) & PTE_NX);
	if (level > 1 && !large) {
		step.kind = CACHE_TABLE;
		step.table = (struct cached_table){base, rights};
		return step;
	}
	base = (base & ~(span - 1)) + (address & (span - 1));
	step.kind = CACHE_PAGE;
	step.page = (struct cached_page){base & ~0xfffUL, rights | (entry & PTE_D), span};
	return step;
}

bool rig_may_read(const struct mmu_rig *rig, const uint64_t *entry)
{
	for (unsigned n = 0; n < RIG_ADDRESSES; n++)
		for (unsigned level = 1; level <= CACHE_LEVELS; level++)
			for (unsigned i = 0; i < rig->tlb.lines[n].cache.table_count[level]; i++) {
				uint64_t hpa = rig->tlb.lines[n].cache.tables[level][i].table;
				unsigned index = rig->address[n] >> (3 + 9 * level) & 511;

				if (&rig->pool[(hpa - RIG_POOL) / PAGE_SIZE][index] == entry)
					return true;
			}
	return false;
}
