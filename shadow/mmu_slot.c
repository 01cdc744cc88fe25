/* Entries of shadow tables, and the reverse map: from a frame, or a table, to its entries. */
#include "shadow/mmu_internal.h"

bool mmu_find_slot(const struct mmu *mmu, uint64_t gva, uint32_t *page, unsigned *index)
{
	uint32_t table = mmu->root;
	unsigned shift = PAGE_SHIFT + (mmu->pages[table].role.level - 1) * 9;

	while (shift > PAGE_SHIFT) {
		uint64_t entry = mmu_table(mmu, table)[gva >> shift & (PTES_PER_PAGE - 1)];

		if ((entry & (PTE_P | PTE_PS)) != PTE_P)
			return false;
		table = mmu_child(mmu, entry);
		shift -= 9;
	}
	*page = table;
	*index = gva >> PAGE_SHIFT & (PTES_PER_PAGE - 1);
	return true;
}

static void store(struct mmu *mmu, uint64_t *entry, uint64_t value)
{
	mmu->statistics.stores++;
	if (mmu->ops.store)
		mmu->ops.store(mmu->ops.ctx, entry, value);
	else
		*(volatile uint64_t *)entry = value;
}

static uint32_t *frame_head(const struct mmu *mmu, uint64_t hpa)
{
	return &mmu->frame_heads[hpa >> PAGE_SHIFT & mmu->frame_mask];
}

/* The list of slots that point where entry, in a table of this level, does. */
static uint32_t *head_of(const struct mmu *mmu, unsigned level, uint64_t entry)
{
	if (mmu_maps(level, entry))
		return frame_head(mmu, entry & PTE_ADDR_MASK);
	return &mmu->pages[mmu_child(mmu, entry)].parents;
}

void mmu_set_slot(struct mmu *mmu, uint32_t page, unsigned index, uint64_t value)
{
	uint64_t *entry = &mmu_table(mmu, page)[index];

	if (*entry & PTE_P && (*entry & PTE_ADDR_MASK) != (value & PTE_ADDR_MASK))
		mmu_drop_slot(mmu, page, index);
	if (*entry & PTE_RW && mmu_maps(mmu->pages[page].role.level, *entry))
		mmu->lingering = true;
	if (!(*entry & PTE_P)) {
		uint32_t *head = head_of(mmu, mmu->pages[page].role.level, value);

		mmu_list_insert(mmu->slots, head, page * PTES_PER_PAGE + index);
		mmu->pages[page].present++;
	}
	store(mmu, entry, value);
}

void mmu_drop_slot(struct mmu *mmu, uint32_t page, unsigned index)
{
	uint64_t *entry = &mmu_table(mmu, page)[index], old = *entry;
	unsigned level = mmu->pages[page].role.level;

	if (!(old & PTE_P))
		return;
	mmu_list_remove(mmu->slots, head_of(mmu, level, old), page * PTES_PER_PAGE + index);
	mmu->pages[page].present--;
	store(mmu, entry, 0);
	if (level == 1) {
		mmu->lingering |= !!(old & PTE_RW);
		return;
	}
	/* What is dropped by an address of a large page is not sure to be all of it. */
	mmu->stale = true;
	if (!(old & PTE_PS) && mmu->pages[mmu_child(mmu, old)].parents == MMU_NONE)
		mmu_add_orphan(mmu, mmu_child(mmu, old));
}

/* Take away each mapping of the 2 MB around hpa that lets the guest write, which leaves it stale.
 */
static void drop_large(struct mmu *mmu, uint64_t hpa)
{
	uint64_t base = hpa & ~(uint64_t)(PAGE_SIZE_2M - 1);
	uint32_t next, slot = *frame_head(mmu, base);

	for (; slot != MMU_NONE; slot = next) {
		uint32_t page = slot / PTES_PER_PAGE;
		uint64_t entry = mmu_table(mmu, page)[slot % PTES_PER_PAGE];

		next = mmu->slots[slot].next;
		if (!(entry & PTE_PS) || !(entry & PTE_RW) || (entry & PTE_ADDR_MASK) != base)
			continue;
		mmu_drop_slot(mmu, page, slot % PTES_PER_PAGE);
	}
}

bool mmu_protect_frame(struct mmu *mmu, uint64_t hpa)
{
	bool changed = false;

	drop_large(mmu, hpa);
	for (uint32_t slot = *frame_head(mmu, hpa); slot != MMU_NONE;
	     slot = mmu->slots[slot].next) {
		uint64_t *entry = &mmu_table(mmu, slot / PTES_PER_PAGE)[slot % PTES_PER_PAGE];

		if ((*entry & PTE_ADDR_MASK) != hpa || !(*entry & PTE_RW))
			continue;
		store(mmu, entry, *entry & ~PTE_RW);
		changed = true;
	}
	return changed;
}
