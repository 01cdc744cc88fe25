/* Entries of shadow tables, and the reverse map: from a frame, or a table, to its entries. */
#include "shadow/mmu_internal.h"

uint64_t mmu_page_hpa(const struct mmu *mmu, uint32_t page)
{
	return mmu->pool + (uint64_t)page * PAGE_SIZE;
}

uint64_t *mmu_table(const struct mmu *mmu, uint32_t page)
{
	return mmu->ops.table(mmu->ops.ctx, mmu_page_hpa(mmu, page));
}

uint32_t mmu_child(const struct mmu *mmu, uint64_t entry)
{
	return (uint32_t)(((entry & PTE_ADDR_MASK) - mmu->pool) >> PAGE_SHIFT);
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
	if (level == 1)
		return frame_head(mmu, entry & PTE_ADDR_MASK);
	return &mmu->pages[mmu_child(mmu, entry)].parents;
}

void mmu_set_slot(struct mmu *mmu, uint32_t page, unsigned index, uint64_t value)
{
	uint64_t *entry = &mmu_table(mmu, page)[index];

	if (*entry & PTE_P && (*entry & PTE_ADDR_MASK) != (value & PTE_ADDR_MASK))
		mmu_drop_slot(mmu, page, index);
	if (*entry & PTE_RW && mmu->pages[page].role.level == 1)
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
	mmu->stale = true;
	if (mmu->pages[mmu_child(mmu, old)].parents == MMU_NONE)
		mmu_add_orphan(mmu, mmu_child(mmu, old));
}

bool mmu_protect_frame(struct mmu *mmu, uint64_t hpa)
{
	bool changed = false;

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

void mmu_flush_everything(struct mmu *mmu)
{
	mmu->stale = false;
	mmu->lingering = false;
	mmu->statistics.flushes++;
	mmu->ops.flush_all(mmu->ops.ctx);
}
