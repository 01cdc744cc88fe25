/* The way from a page fault to an entry, or back to the guest. */
#include "shadow/mmu_internal.h"

/* A fault whose access the guest's tables allow. */
struct fault {
	uint64_t gva;
	uint32_t access; /* PF_W, PF_U and PF_I */
	bool present;	 /* the processor found an entry, maybe a stale one */
	enum mmu_outcome outcome;
	/* The table of level 1 that the processor comes to is the one that maps the address. */
	bool known;
	uint32_t table;
	uint64_t hpa;		 /* of the frame */
	struct walk_result walk; /* what the guest's tables say */
};

static unsigned slot_index(unsigned level, uint64_t gva)
{
	return gva >> (PAGE_SHIFT + (level - 1) * 9) & (PTES_PER_PAGE - 1);
}

static uint64_t slot_size(unsigned level)
{
	return BIT(PAGE_SHIFT + (level - 1) * 9);
}

/*
 * What a guest's leaf grants to this access.  With WP clear a supervisor may write a user's
 * read-only page, which the processor, where WP is set, allows for a supervisor's page only: the
 * page is made one until the user comes back.  SMEP must not overlook it then; under SMAP there is
 * no such way, since RFLAGS.AC decides anew at each access.
 */
static union mmu_role grant(struct fault *fault, union mmu_role role, uint64_t entry)
{
	union mmu_role rights = mmu_leaf_rights(role, entry);
	bool supervisor_write = (fault->access & (PF_W | PF_U)) == PF_W;

	if (role.wp || rights.write || !supervisor_write || !(entry & PTE_D))
		return rights;
	if (role.smap) {
		fault->outcome = MMU_EMULATE_ONLY;
		return rights;
	}
	rights.user = false;
	rights.write = true;
	rights.no_execute |= role.smep;
	return rights;
}

/*
 * The guest's entry that maps, or leads to, the address at this level.  False if it has changed
 * since the walk: another vCPU's doing.
 */
static bool read_entry(const struct mmu *mmu, const struct mmu_page *page, uint64_t gva,
		       uint64_t *entry)
{
	uint64_t gpa = mmu_entry_gpa(page, slot_index(page->role.level, gva));

	return mmu->ops.memory.read(mmu->ops.memory.ctx, gpa, mmu_entry_size(page->role), entry) &&
	       *entry & PTE_P && *entry & PTE_A;
}

/* Whether entry is the one that maps the large page which the walk found. */
static bool maps_large_page(union mmu_role role, uint64_t entry, const struct walk_result *walk)
{
	uint64_t base = entry & PTE_ADDR_MASK;

	/* PSE-36: bits 20:13 are address bits 39:32. */
	if (role.mode == PAGING_32BIT)
		base = (entry & 0xffc00000) | (entry & 0x1fe000) << 19;
	return entry & PTE_PS && ((base ^ walk->gpa) & ~(walk->page_size - 1)) == 0;
}

/* Which table must be linked below page; false if the guest's tables have changed. */
static bool child_of(const struct mmu *mmu, const struct mmu_page *page, struct fault *fault,
		     uint64_t *gpa, union mmu_role *role)
{
	unsigned level = page->role.level, index = slot_index(level, fault->gva);
	uint64_t entry;

	*role = page->role;
	role->level = level - 1;
	if (page->role.direct) {
		*gpa = page->gpa + index * slot_size(level);
		return true;
	}
	if (page->role.top) {
		role->top = false;
		role->quadrant = page->role.mode == PAGING_32BIT ? index : 0;
		*gpa = page->role.mode == PAGING_32BIT ? page->gpa
						       : mmu->state.pdpte[index] & PTE_ADDR_MASK;
		return true;
	}
	if (!read_entry(mmu, page, fault->gva, &entry))
		return false;
	if (fault->walk.page_size >= slot_size(level)) {
		union mmu_role rights = grant(fault, page->role, entry);

		*gpa = fault->walk.gpa & ~(slot_size(level) - 1);
		role->quadrant = 0;
		role->direct = true;
		role->write = rights.write;
		role->user = rights.user;
		role->no_execute = rights.no_execute;
		return maps_large_page(page->role, entry, &fault->walk);
	}
	*gpa = entry & PTE_ADDR_MASK;
	*role = mmu_combine(*role, entry);
	role->quadrant = page->role.mode == PAGING_32BIT ? index & 1 : 0;
	return !mmu_odd_entry(mmu, page->role, entry);
}

/* Make page's entry for the address lead to the table for gpa in this role. */
static uint32_t link_child(struct mmu *mmu, uint32_t page, uint64_t gva, uint64_t gpa,
			   union mmu_role role)
{
	unsigned index = slot_index(mmu->pages[page].role.level, gva);
	uint64_t entry = mmu_table(mmu, page)[index];

	if (entry & PTE_P && !(entry & PTE_PS)) {
		uint32_t child = mmu_child(mmu, entry);

		if (mmu->pages[child].gpa == gpa && mmu->pages[child].role.key == role.key) {
			mmu_touch_page(mmu, child);
			return child;
		}
	}
	uint32_t child = mmu_get_page(mmu, gpa, role);

	/* Rights are in the leaves; of a PDPTE of PAE paging all bits but these are reserved. */
	mmu_set_slot(mmu, page, index,
		     mmu_page_hpa(mmu, child) | PTE_P |
			     (mmu->pages[page].role.mode == PAGING_4LEVEL ||
					      mmu->pages[page].role.level < 3
				      ? PTE_RW | PTE_US | PTE_A
				      : 0));
	return child;
}

/* Let the guest write to the frame at gpa, as far as the policy allows. */
static bool open_frame(struct mmu *mmu, uint64_t gpa)
{
	uint32_t page;

	if (mmu->policy != MMU_UNSYNC)
		return false;
	for (page = mmu_next_watcher(mmu, gpa, MMU_NONE); page != MMU_NONE;
	     page = mmu_next_watcher(mmu, gpa, page))
		if (mmu->pages[page].role.level > 1 && !mmu->pages[page].unsync)
			return false;
	mmu_unprotect(mmu, gpa);
	return true;
}

/* Write the entry that maps the address, in a table of level 1 for which the guest has `guest`. */
static void map_page(struct mmu *mmu, uint32_t page, struct fault *fault, uint64_t guest)
{
	unsigned index = slot_index(1, fault->gva);
	union mmu_role rights = mmu->pages[page].role;
	uint64_t entry, old = mmu_table(mmu, page)[index];

	if (!rights.direct)
		rights = grant(fault, rights, guest);
	if (rights.write && mmu_watches(mmu, fault->walk.gpa) &&
	    !(fault->access & PF_W && open_frame(mmu, fault->walk.gpa))) {
		rights.write = false;
		if (fault->access & PF_W)
			fault->outcome = MMU_EMULATE;
	}
	entry = fault->hpa | mmu_rights_bits(rights) | PTE_P | PTE_A | PTE_D;
	if (entry != old)
		mmu_set_slot(mmu, page, index, entry);
	/* The processor must not fault again by an entry that it has cached. */
	if (fault->present || old & PTE_P)
		mmu->ops.flush_page(mmu->ops.ctx, fault->gva);
}

/* Whether one of the tables that are shadowed lies in the 2 MB at gpa, or may not be written. */
static bool holds_table(const struct mmu *mmu, uint64_t gpa)
{
	if (mmu->policy == MMU_PV)
		return false;
	for (unsigned i = 0; i < PTES_PER_PAGE; i++)
		if (mmu_next_watcher(mmu, gpa + i * (uint64_t)PAGE_SIZE, MMU_NONE) != MMU_NONE)
			return true;
	return false;
}

/*
 * Write the entry that maps the 2 MB around the address, in a table of level 2; false where they
 * must be mapped in pieces, or are.
 */
static bool map_large(struct mmu *mmu, uint32_t page, struct fault *fault)
{
	unsigned index = slot_index(2, fault->gva);
	union mmu_role rights = mmu->pages[page].role;
	uint64_t gpa = fault->walk.gpa & ~(slot_size(2) - 1), hpa, guest, entry;
	uint64_t old = mmu_table(mmu, page)[index];

	if (!mmu->ops.large_frame || (old & PTE_P && !(old & PTE_PS)))
		return false;
	if (!rights.direct) {
		if (fault->walk.page_size < slot_size(2) ||
		    !read_entry(mmu, &mmu->pages[page], fault->gva, &guest) ||
		    !maps_large_page(rights, guest, &fault->walk))
			return false;
		rights = grant(fault, rights, guest);
	}
	if (!mmu->ops.large_frame(mmu->ops.ctx, gpa, &hpa) || holds_table(mmu, gpa))
		return false;
	entry = hpa | mmu_rights_bits(rights) | PTE_P | PTE_A | PTE_D | PTE_PS;
	if (entry != old)
		mmu_set_slot(mmu, page, index, entry);
	/* What was cached of an entry that is gone is stale with all the rest. */
	if (old & PTE_P)
		mmu->ops.flush_page(mmu->ops.ctx, fault->gva);
	return true;
}

/* All tables on the way to the address, which there are, have been used. */
static void touch_path(struct mmu *mmu, uint64_t gva)
{
	uint32_t page = mmu->root;

	for (;;) {
		unsigned level = mmu->pages[page].role.level;

		mmu_touch_page(mmu, page);
		if (level == 1)
			return;
		page = mmu_child(mmu, mmu_table(mmu, page)[slot_index(level, gva)]);
	}
}

/*
 * Whether the guest's entry still is what the walk has seen: a table must be read again once it is
 * watched.
 */
static bool confirm_page(const struct mmu *mmu, const struct mmu_page *page,
			 const struct fault *fault, uint64_t *entry)
{
	return read_entry(mmu, page, fault->gva, entry) &&
	       !mmu_odd_entry(mmu, page->role, *entry) &&
	       ((*entry ^ fault->walk.gpa) & PTE_ADDR_MASK) == 0;
}

static void map(struct mmu *mmu, struct fault *fault)
{
	uint32_t page = mmu->root;
	uint64_t entry = 0;

	mmu_touch_page(mmu, page);
	while (mmu->pages[page].role.level > 1) {
		union mmu_role role;
		uint64_t gpa;

		if (mmu->pages[page].role.level == 2 && map_large(mmu, page, fault))
			return;
		if (!child_of(mmu, &mmu->pages[page], fault, &gpa, &role))
			return;
		page = link_child(mmu, page, fault->gva, gpa, role);
	}
	if (mmu->pages[page].role.direct) {
		map_page(mmu, page, fault, entry);
	} else if (confirm_page(mmu, &mmu->pages[page], fault, &entry)) {
		map_page(mmu, page, fault, entry);
		if (mmu->pages[page].present == 1)
			mmu_fill_around(mmu, page, slot_index(1, fault->gva));
	}
}

static struct mmu_result resolve(struct mmu *mmu, struct fault *fault)
{
	struct mmu_result result = {.outcome = MMU_RETRY, .gpa = fault->walk.gpa};

	if (!mmu->ops.frame(mmu->ops.ctx, result.gpa & ~(uint64_t)(PAGE_SIZE - 1), &fault->hpa)) {
		result.outcome = MMU_DEVICE;
		return result;
	}
	if (fault->known) {
		/* The latest table to be used has been so with those above it. */
		if (mmu->pages[fault->table].used != mmu->uses)
			touch_path(mmu, fault->gva);
		map_page(mmu, fault->table, fault, fault->walk.entry);
	} else {
		mmu_reserve(mmu, MMU_MAX_LEVELS);
		map(mmu, fault);
		mmu_bury_orphans(mmu);
	}
	if (mmu->stale)
		mmu_flush_everything(mmu);
	result.outcome = fault->outcome;
	return result;
}

/* Whether a table for a part of a large page, with this role, allows the access; a walk knows
 * better. */
static bool allows_kernel(union mmu_role role, uint32_t access)
{
	return !role.user && !(access & (PF_U | PF_I)) && (role.write || !(access & PF_W));
}

/*
 * What the guest's tables say of the access.  Shadow tables that are linked are in step with the
 * guest's above level 1 as long as it writes none of these unseen, and so lead to the guest's entry
 * as its own tables would.
 */
static enum walk_status walk_guest(struct mmu *mmu, struct fault *fault)
{
	const struct mmu_page *page;
	unsigned index;

	fault->known =
		mmu->open_tables == 0 && mmu_find_slot(mmu, fault->gva, &fault->table, &index);
	if (fault->known) {
		page = &mmu->pages[fault->table];
		if (!page->role.direct)
			return walk_last_level(&mmu->ops.memory, &mmu->state, page->gpa,
					       mmu_rights_bits(page->role), fault->gva,
					       fault->access, &fault->walk);
		if (allows_kernel(page->role, fault->access)) {
			fault->walk.gpa = page->gpa + (fault->gva & (slot_size(2) - 1));
			return WALK_OK;
		}
		fault->known = false;
	}
	return walk(&mmu->ops.memory, &mmu->state, fault->gva, fault->access, &fault->walk);
}

/*
 * A page fault makes a processor forget what it has for the address (SDM volume 3, 4.10.4.1).  A
 * table that the guest may write can have kept an entry that is gone.
 */
static void forget_faulting(struct mmu *mmu, const struct fault *fault)
{
	if (mmu->open_tables > 0) {
		mmu_compare_all(mmu);
		mmu_bury_orphans(mmu);
	} else if (fault->known && mmu->pages[fault->table].unsync) {
		mmu_drop_slot(mmu, fault->table, slot_index(1, fault->gva));
	}
	mmu_flush_gva(mmu, fault->gva);
}

struct mmu_result mmu_fault(struct mmu *mmu, uint64_t gva, uint32_t error_code, uint64_t rflags)
{
	struct mmu_result result = {.outcome = MMU_RETRY};
	struct fault fault;

	fault.gva = paging_mode(&mmu->state) == PAGING_4LEVEL ? gva : (uint32_t)gva;
	fault.access = error_code & (PF_W | PF_U | PF_I);
	fault.present = error_code & PF_P;
	fault.outcome = MMU_RETRY;
	mmu->state.rflags = walk_rflags(error_code, rflags);
	switch (walk_guest(mmu, &fault)) {
	case WALK_OK:
		return resolve(mmu, &fault);
	case WALK_FAULT:
		if (fault.present)
			forget_faulting(mmu, &fault);
		result.outcome = MMU_GUEST_FAULT;
		result.error_code = fault.walk.error_code;
		break;
	case WALK_OUTSIDE_MEMORY:
		result.outcome = MMU_UNREACHABLE;
		result.gpa = fault.walk.gpa;
		break;
	case WALK_NOT_CANONICAL:
	case WALK_CONTENDED:
		break;
	}
	return result;
}
