/* Keeping shadow tables in step with the guest's. */
#include "shadow/mmu_internal.h"

/* A root that is written so often without being loaded is a table no more. */
#define FLOOD 3

void mmu_mark_unsync(struct mmu *mmu, uint32_t page)
{
	struct mmu_page *p = &mmu->pages[page];

	if (p->unsync)
		return;
	p->unsync = true;
	mmu->open_tables += p->role.level > 1;
	mmu_list_insert(mmu->unsyncs, &mmu->unsync, page);
}

void mmu_clear_unsync(struct mmu *mmu, uint32_t page)
{
	struct mmu_page *p = &mmu->pages[page];

	if (!p->unsync)
		return;
	p->unsync = false;
	mmu->open_tables -= p->role.level > 1;
	mmu_list_remove(mmu->unsyncs, &mmu->unsync, page);
}

/*
 * The entry of a level 1 shadow table that the guest's entry stands for without another fault; 0
 * if none.
 */
static uint64_t page_entry(const struct mmu *mmu, const struct mmu_page *page, uint64_t guest)
{
	uint64_t gpa = guest & PTE_ADDR_MASK, hpa;
	union mmu_role rights = mmu_leaf_rights(page->role, guest);

	if (!mmu->ops.frame(mmu->ops.ctx, gpa, &hpa))
		return 0;
	if (rights.write && mmu_watches(mmu, gpa))
		rights.write = false;
	return hpa | mmu_rights_bits(rights) | PTE_P | PTE_A | PTE_D;
}

/*
 * Whether the guest's entry still leads to the table that a shadow table links to.  Tables for
 * parts of a large page are not worth the comparison.
 */
static bool justifies_link(const struct mmu *mmu, const struct mmu_page *page, uint64_t guest,
			   uint64_t shadow)
{
	const struct mmu_page *child = &mmu->pages[mmu_child(mmu, shadow)];
	union mmu_role role = mmu_combine(page->role, guest);

	return !child->role.direct && child->gpa == (guest & PTE_ADDR_MASK) &&
	       child->role.write == role.write && child->role.user == role.user &&
	       child->role.no_execute == role.no_execute;
}

/*
 * Bring a slot in step with the guest's entry.  A page that the guest has marked accessed is mapped
 * at once: whoever writes such an entry means to use it.
 */
static void update_slot(struct mmu *mmu, uint32_t page, unsigned index)
{
	const struct mmu_page *p = &mmu->pages[page];
	uint64_t shadow = mmu_table(mmu, page)[index], guest, value = 0;

	if (p->role.level > 1 && !(shadow & PTE_P))
		return;
	if (mmu->ops.memory.read(mmu->ops.memory.ctx, mmu_entry_gpa(p, index),
				 mmu_entry_size(p->role), &guest) &&
	    guest & PTE_P && guest & PTE_A && !mmu_odd_entry(mmu, p->role, guest)) {
		if (p->role.level == 1)
			value = page_entry(mmu, p, guest);
		else if (!(shadow & PTE_PS) && justifies_link(mmu, p, guest, shadow))
			value = shadow;
	}
	if (value == shadow)
		return;
	if (value)
		mmu_set_slot(mmu, page, index, value);
	else
		mmu_drop_slot(mmu, page, index);
}

/* Map what the guest's entry at index allows without another fault; false where that is nothing. */
static bool fill_slot(struct mmu *mmu, uint32_t page, unsigned index)
{
	update_slot(mmu, page, index);
	return mmu_table(mmu, page)[index] & PTE_P;
}

void mmu_fill_around(struct mmu *mmu, uint32_t page, unsigned index)
{
	for (unsigned i = index + 1; i < PTES_PER_PAGE && fill_slot(mmu, page, i); i++)
		;
	for (unsigned i = index; i > 0 && fill_slot(mmu, page, i - 1); i--)
		;
}

/* Bring what page maps in step with the guest's table; the rest waits for faults. */
static void compare_page(struct mmu *mmu, uint32_t page)
{
	unsigned left = mmu->pages[page].present;

	mmu->statistics.synchronized++;
	for (unsigned i = 0; left > 0; i++) {
		if (mmu_table(mmu, page)[i] & PTE_P) {
			update_slot(mmu, page, i);
			left--;
		}
	}
}

void mmu_compare_all(struct mmu *mmu)
{
	for (uint32_t page = mmu->unsync; page != MMU_NONE; page = mmu->unsyncs[page].next)
		compare_page(mmu, page);
}

void mmu_synchronize(struct mmu *mmu)
{
	while (mmu->unsync != MMU_NONE) {
		uint32_t page = mmu->unsync;
		uint64_t hpa;

		mmu_clear_unsync(mmu, page);
		if (mmu->ops.frame(mmu->ops.ctx, mmu->pages[page].gpa, &hpa))
			mmu_protect_frame(mmu, hpa);
		compare_page(mmu, page);
	}
	mmu_bury_orphans(mmu);
}

bool mmu_watches(const struct mmu *mmu, uint64_t gpa)
{
	if (mmu->policy == MMU_PV)
		return false;
	for (uint32_t page = mmu_next_watcher(mmu, gpa, MMU_NONE); page != MMU_NONE;
	     page = mmu_next_watcher(mmu, gpa, page))
		if (!mmu->pages[page].unsync)
			return true;
	return false;
}

/* A new parent must not find, in a table or below it, what the guest said before it became one. */
uint32_t mmu_get_page(struct mmu *mmu, uint64_t gpa, union mmu_role role)
{
	uint32_t page = mmu_find_page(mmu, gpa, role);
	uint64_t hpa;

	if (page != MMU_NONE) {
		if (role.level > 1 && mmu->unsync != MMU_NONE)
			mmu_compare_all(mmu);
		else if (mmu->pages[page].unsync)
			compare_page(mmu, page);
		mmu_touch_page(mmu, page);
		return page;
	}
	page = mmu_new_page(mmu, gpa, role);
	if (mmu_watches(mmu, gpa) && mmu->ops.frame(mmu->ops.ctx, gpa & PTE_ADDR_MASK, &hpa) &&
	    (mmu_protect_frame(mmu, hpa) || mmu->lingering))
		mmu_flush_everything(mmu);
	return page;
}

/* Bytes within one page. */
static void written(struct mmu *mmu, uint64_t gpa, uint64_t size)
{
	unsigned start = gpa % PAGE_SIZE, end = (unsigned)(start + size);

	if (mmu->guards > 0)
		mmu_lift_guard(mmu, gpa);
	for (uint32_t page = mmu_next_watcher(mmu, gpa, MMU_NONE); page != MMU_NONE;
	     page = mmu_next_watcher(mmu, gpa, page)) {
		struct mmu_page *p = &mmu->pages[page];
		unsigned entry_size = mmu_entry_size(p->role), first, count;

		for (unsigned at = start - start % entry_size; at < end; at += entry_size) {
			mmu_slots_at(p, at, &first, &count);
			for (unsigned i = 0; i < count; i++)
				update_slot(mmu, page, first + i);
		}
		if (p->parents == MMU_NONE && ++p->writes >= FLOOD)
			mmu_add_orphan(mmu, page);
	}
}

void mmu_written(struct mmu *mmu, uint64_t gpa, uint64_t size)
{
	while (size > 0) {
		uint64_t part = PAGE_SIZE - gpa % PAGE_SIZE;

		if (part > size)
			part = size;
		written(mmu, gpa, part);
		gpa += part;
		size -= part;
	}
	mmu_bury_orphans(mmu);
}

void mmu_unprotect(struct mmu *mmu, uint64_t gpa)
{
	if (mmu->guards > 0)
		mmu_lift_guard(mmu, gpa);
	for (uint32_t page = mmu_next_watcher(mmu, gpa, MMU_NONE); page != MMU_NONE;
	     page = mmu_next_watcher(mmu, gpa, page))
		if (mmu->pages[page].role.key != MMU_GUARD.key)
			mmu_mark_unsync(mmu, page);
}

bool mmu_guard(struct mmu *mmu, uint64_t gpa)
{
	uint64_t hpa;

	gpa &= ~(uint64_t)(PAGE_SIZE - 1);
	if (mmu->policy == MMU_PV || !mmu->ops.frame(mmu->ops.ctx, gpa, &hpa))
		return false;
	mmu_reserve(mmu, 1);
	mmu->guards += mmu_find_page(mmu, gpa, MMU_GUARD) == MMU_NONE;
	mmu_get_page(mmu, gpa, MMU_GUARD);
	if (mmu->stale)
		mmu_flush_everything(mmu);
	return true;
}

void mmu_lift_guard(struct mmu *mmu, uint64_t gpa)
{
	uint32_t page = mmu_find_page(mmu, gpa & ~(uint64_t)(PAGE_SIZE - 1), MMU_GUARD);

	if (page != MMU_NONE)
		mmu_free_page(mmu, page);
}

/* Roots of PAE paging are 32 bytes: all that lie in the page go. */
void mmu_forget(struct mmu *mmu, uint64_t gpa)
{
	for (uint32_t page = *mmu_page_head(mmu, gpa); page != MMU_NONE;
	     page = mmu->chains[page].next) {
		struct mmu_page *p = &mmu->pages[page];

		if ((p->gpa ^ gpa) >> PAGE_SHIFT || p->role.direct)
			continue;
		while (p->parents != MMU_NONE)
			mmu_drop_slot(mmu, p->parents / PTES_PER_PAGE, p->parents % PTES_PER_PAGE);
		for (unsigned i = 0; p->present > 0; i++)
			mmu_drop_slot(mmu, page, i);
		mmu_add_orphan(mmu, page);
	}
	mmu_bury_orphans(mmu);
}

static void compare_gva(struct mmu *mmu, uint64_t gva)
{
	uint32_t page;
	unsigned index;

	if (mmu_find_slot(mmu, gva, &page, &index) && mmu_shadows_table(&mmu->pages[page]))
		update_slot(mmu, page, index);
}

void mmu_flush_gva(struct mmu *mmu, uint64_t gva)
{
	if (mmu->stale)
		mmu_flush_everything(mmu);
	else
		mmu->ops.flush_page(mmu->ops.ctx, gva);
}

void mmu_invlpg(struct mmu *mmu, uint64_t gva)
{
	if (mmu->open_tables > 0)
		mmu_compare_all(mmu);
	else if (mmu->unsync != MMU_NONE || mmu->policy == MMU_PV)
		compare_gva(mmu, gva);
	mmu_bury_orphans(mmu);
	mmu_flush_gva(mmu, gva);
}
