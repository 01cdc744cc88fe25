/* The pool of shadow tables: found by guest address and role, reclaimed when it is empty. */
#include "shadow/mmu_internal.h"

static uint32_t *page_head(const struct mmu *mmu, uint64_t gpa)
{
	return &mmu->page_heads[gpa >> PAGE_SHIFT & mmu->page_mask];
}

uint32_t mmu_find_page(const struct mmu *mmu, uint64_t gpa, union mmu_role role)
{
	uint32_t page = *page_head(mmu, gpa);

	while (page != MMU_NONE &&
	       (mmu->pages[page].gpa != gpa || mmu->pages[page].role.key != role.key))
		page = mmu->chains[page].next;
	return page;
}

uint32_t mmu_next_watcher(const struct mmu *mmu, uint64_t gpa, uint32_t page)
{
	gpa &= ~(uint64_t)(PAGE_SIZE - 1);
	page = page == MMU_NONE ? *page_head(mmu, gpa) : mmu->chains[page].next;
	while (page != MMU_NONE &&
	       (mmu->pages[page].gpa != gpa || !mmu_shadows_table(&mmu->pages[page])))
		page = mmu->chains[page].next;
	return page;
}

void mmu_touch_page(struct mmu *mmu, uint32_t page)
{
	mmu->pages[page].writes = 0;
	if (mmu->latest == page)
		return;
	mmu_list_remove(mmu->ages, &mmu->latest, page);
	mmu_list_insert(mmu->ages, &mmu->latest, page);
}

void mmu_reserve(struct mmu *mmu, unsigned count)
{
	while (mmu->free_pages < count) {
		uint32_t oldest = mmu->ages[mmu->latest].previous;

		if (oldest == mmu->root)
			oldest = mmu->ages[oldest].previous;
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
	mmu->statistics.allocated++;
	mmu->free_pages--;
	mmu_list_remove(mmu->chains, &mmu->free, page);
	mmu->pages[page] = (struct mmu_page){
		.gpa = gpa,
		.role = role,
		.parents = MMU_NONE,
	};
	mmu_list_insert(mmu->chains, page_head(mmu, gpa), page);
	mmu_list_insert(mmu->ages, &mmu->latest, page);
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
	if (p->orphan)
		mmu_list_remove(mmu->orphans, &mmu->orphan, page);
	mmu_list_remove(mmu->ages, &mmu->latest, page);
	mmu_list_remove(mmu->chains, page_head(mmu, p->gpa), page);
	p->orphan = false;
	mmu_list_insert(mmu->chains, &mmu->free, page);
	mmu->free_pages++;
	mmu->stale = true;
}

void mmu_add_orphan(struct mmu *mmu, uint32_t page)
{
	if (mmu->pages[page].orphan)
		return;
	mmu->pages[page].orphan = true;
	mmu_list_insert(mmu->orphans, &mmu->orphan, page);
}

void mmu_bury_orphans(struct mmu *mmu)
{
	while (mmu->orphan != MMU_NONE) {
		uint32_t page = mmu->orphan;

		mmu_list_remove(mmu->orphans, &mmu->orphan, page);
		mmu->pages[page].orphan = false;
		if (mmu->pages[page].parents == MMU_NONE && page != mmu->root)
			mmu_free_page(mmu, page);
	}
}
