/* The pool of shadow tables: found by guest address and role, reclaimed when it is empty. */
#include "shadow/mmu_internal.h"

uint32_t mmu_next_watcher(const struct mmu *mmu, uint64_t gpa, uint32_t page)
{
	gpa &= ~(uint64_t)(PAGE_SIZE - 1);
	page = page == MMU_NONE ? *mmu_page_head(mmu, gpa) : mmu->chains[page].next;
	while (page != MMU_NONE &&
	       (mmu->pages[page].gpa != gpa || !mmu_shadows_table(&mmu->pages[page])))
		page = mmu->chains[page].next;
	return page;
}

/* The page in use, other than the root, whose last use is the longest ago. */
static uint32_t oldest_page(const struct mmu *mmu)
{
	uint64_t used = MMU_FREE;
	uint32_t oldest = MMU_NONE;

	for (uint32_t page = 0; page < mmu->pool_pages; page++) {
		if (mmu->pages[page].used >= used || page == mmu->root)
			continue;
		used = mmu->pages[page].used;
		oldest = page;
	}
	return oldest;
}

void mmu_reserve(struct mmu *mmu, unsigned count)
{
	while (mmu->free_pages < count) {
		uint32_t oldest = oldest_page(mmu);

		mmu->statistics.reclaimed++;
		mmu_free_page(mmu, oldest);
		mmu_bury_orphans(mmu);
	}
}

uint32_t mmu_new_page(struct mmu *mmu, uint64_t gpa, union mmu_role role)
{
	uint32_t page = mmu->free;

	/* The processor may still walk through the page as what it was before. */
	if (mmu->stale)
		mmu_flush_everything(mmu);
	mmu->free_pages--;
	mmu_list_remove(mmu->chains, &mmu->free, page);
	mmu->pages[page] = (struct mmu_page){
		.gpa = gpa,
		.role = role,
		.used = ++mmu->uses,
		.parents = MMU_NONE,
	};
	mmu_list_insert(mmu->chains, mmu_page_head(mmu, gpa), page);
	return page;
}

void mmu_free_page(struct mmu *mmu, uint32_t page)
{
	struct mmu_page *p = &mmu->pages[page];

	while (p->parents != MMU_NONE)
		mmu_drop_slot(mmu, p->parents / PTES_PER_PAGE, p->parents % PTES_PER_PAGE);
	for (unsigned i = 0; p->present > 0; i++)
		mmu_drop_slot(mmu, page, i);
	mmu_clear_unsync(mmu, page);
	if (p->role.key == MMU_GUARD.key) {
		mmu->guards--;
		mmu->guarded_stores++;
	}
	if (p->orphan)
		mmu_list_remove(mmu->orphans, &mmu->orphan, page);
	mmu_list_remove(mmu->chains, mmu_page_head(mmu, p->gpa), page);
	p->orphan = false;
	p->used = MMU_FREE;
	mmu_list_insert(mmu->chains, &mmu->free, page);
	mmu->free_pages++;
}

void mmu_add_orphan(struct mmu *mmu, uint32_t page)
{
	if (mmu->pages[page].orphan)
		return;
	mmu->pages[page].orphan = true;
	mmu_list_insert(mmu->orphans, &mmu->orphan, page);
}

void mmu_free_orphans(struct mmu *mmu)
{
	while (mmu->orphan != MMU_NONE) {
		uint32_t page = mmu->orphan;

		mmu_list_remove(mmu->orphans, &mmu->orphan, page);
		mmu->pages[page].orphan = false;
		if (mmu->pages[page].parents == MMU_NONE && page != mmu->root)
			mmu_free_page(mmu, page);
	}
}
