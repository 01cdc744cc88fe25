/* What the parts of the shadow MMU share.  A page is a shadow table, named by its number in the
 * pool; a slot is an entry of one, numbered through the pool. */
#ifndef SHADOW_MMU_INTERNAL_H
#define SHADOW_MMU_INTERNAL_H

#include "l1vmm/arch/x86.h"
#include "shadow/mmu.h"

#define MMU_NONE       UINT32_MAX
#define MMU_MAX_LEVELS 4

/* How a shadow table must have been made to serve; two with the same role and gpa are one. */
union mmu_role {
	struct {
		uint32_t level : 3;    /* 1 maps pages */
		uint32_t mode : 2;     /* enum paging_mode */
		uint32_t direct : 1;   /* maps memory from gpa on, without a guest table */
		uint32_t top : 1;      /* a PAE root: stands for registers, no table in memory */
		uint32_t quadrant : 2; /* which part of a 32-bit table, which has more entries */
		/* What the guest's entries above grant together; of a direct table, the leaf too.
		 */
		uint32_t write : 1;
		uint32_t user : 1;
		uint32_t no_execute : 1;
		/* Of the control registers, what the contents depend on. */
		uint32_t wp : 1;
		uint32_t nxe : 1;
		uint32_t pse : 1;
		uint32_t smep : 1; /* only with WP clear */
		uint32_t smap : 1; /* only with WP clear */
	};
	uint32_t key;
};

/* Of no table: the page is watched for the sake of mmu_guard(). */
#define MMU_GUARD ((union mmu_role){.key = 0})

#define MMU_FREE UINT64_MAX

struct mmu_page {
	uint64_t gpa; /* of the guest table, or of the first page that a direct table maps */
	union mmu_role role;
	uint64_t used;	  /* mmu.uses when it last was; MMU_FREE */
	uint32_t parents; /* head of the slots that link to this page */
	uint16_t present; /* entries in use */
	uint8_t writes;	  /* emulated ones since the page was last used */
	bool unsync;	  /* the guest may write the table, which may differ from its shadow */
	bool orphan;	  /* in the list of orphans */
};

/* Lists: in the lists of `links` the one that begins at *head. */

static inline void mmu_list_insert(struct mmu_link *links, uint32_t *head, uint32_t i)
{
	uint32_t first = *head;

	links[i].next = first;
	links[i].previous = i;
	if (first != MMU_NONE) {
		links[i].previous = links[first].previous;
		links[first].previous = i;
	}
	*head = i;
}

static inline void mmu_list_remove(struct mmu_link *links, uint32_t *head, uint32_t i)
{
	uint32_t next = links[i].next, previous = links[i].previous;

	if (i == *head)
		*head = next;
	else
		links[previous].next = next;
	if (next != MMU_NONE)
		links[next].previous = previous;
	else if (*head != MMU_NONE)
		links[*head].previous = previous;
}

/* mmu_slot.c */

static inline uint64_t *mmu_table(const struct mmu *mmu, uint32_t page)
{
	return mmu->ops.tables[page];
}

static inline uint64_t mmu_page_hpa(const struct mmu *mmu, uint32_t page)
{
	return mmu->pool + (uint64_t)page * PAGE_SIZE;
}

/* Whether an entry (present) of this level maps memory, and does not link to a table. */
static inline bool mmu_maps(unsigned level, uint64_t entry)
{
	return level == 1 || entry & PTE_PS;
}

/* The page that an entry above level 1 links to. */
static inline uint32_t mmu_child(const struct mmu *mmu, uint64_t entry)
{
	return (uint32_t)(((entry & PTE_ADDR_MASK) - mmu->pool) >> PAGE_SHIFT);
}

/* The slot of level 1 that maps gva; false where no table leads to it. */
bool mmu_find_slot(const struct mmu *mmu, uint64_t gva, uint32_t *page, unsigned *index);
void mmu_set_slot(struct mmu *mmu, uint32_t page, unsigned index, uint64_t value);
/* Empty a slot; a child that loses its last parent becomes an orphan. */
void mmu_drop_slot(struct mmu *mmu, uint32_t page, unsigned index);
/*
 * Make each mapping of the frame at hpa read-only, or take it away where it maps more; whether one
 * was not.  The caller flushes.
 */
bool mmu_protect_frame(struct mmu *mmu, uint64_t hpa);

static inline void mmu_flush_everything(struct mmu *mmu)
{
	mmu->stale = false;
	mmu->lingering = false;
	mmu->statistics.flushes++;
	mmu->ops.flush_all(mmu->ops.ctx);
}

/* mmu_pool.c */

static inline uint32_t *mmu_page_head(const struct mmu *mmu, uint64_t gpa)
{
	return &mmu->page_heads[gpa >> PAGE_SHIFT & mmu->page_mask];
}

static inline uint32_t mmu_find_page(const struct mmu *mmu, uint64_t gpa, union mmu_role role)
{
	uint32_t page = *mmu_page_head(mmu, gpa);

	while (page != MMU_NONE &&
	       (mmu->pages[page].gpa != gpa || mmu->pages[page].role.key != role.key))
		page = mmu->chains[page].next;
	return page;
}

/* The next page after `page` (MMU_NONE: the first) that shadows the guest table at gpa. */
uint32_t mmu_next_watcher(const struct mmu *mmu, uint64_t gpa, uint32_t page);
/* Take at least `count` pages out of use where fewer are free. */
void mmu_reserve(struct mmu *mmu, unsigned count);
/* A free page, which there must be, for a table of which mmu_find_page() knows none. */
uint32_t mmu_new_page(struct mmu *mmu, uint64_t gpa, union mmu_role role);

static inline void mmu_touch_page(struct mmu *mmu, uint32_t page)
{
	mmu->pages[page].writes = 0;
	mmu->pages[page].used = ++mmu->uses;
}

void mmu_free_page(struct mmu *mmu, uint32_t page);
void mmu_add_orphan(struct mmu *mmu, uint32_t page);
void mmu_free_orphans(struct mmu *mmu);

/* Free orphans that nobody has taken in. */
static inline void mmu_bury_orphans(struct mmu *mmu)
{
	if (mmu->orphan != MMU_NONE)
		mmu_free_orphans(mmu);
}

/* mmu_sync.c */

void mmu_mark_unsync(struct mmu *mmu, uint32_t page);
void mmu_clear_unsync(struct mmu *mmu, uint32_t page);
/*
 * The table for gpa in this role, to be linked to: known and in step, or new, for which a page must
 * be free.
 */
uint32_t mmu_get_page(struct mmu *mmu, uint64_t gpa, union mmu_role role);
/* Compare each table that the guest may write. */
void mmu_compare_all(struct mmu *mmu);
/*
 * Drop what the processor has cached for gva, with tables that are in step.  INVLPG takes all of
 * the paging-structure caches along (SDM volume 3, 4.10.4.1), and TLB entries of all of a large
 * page, which is in pieces here: where a link has gone, nothing less than all will do.
 */
void mmu_flush_gva(struct mmu *mmu, uint64_t gva);
/*
 * Map what the guest has marked accessed on both sides of an entry, as far as that goes on: it has
 * used these pages, or says so of what it is about to use.
 */
void mmu_fill_around(struct mmu *mmu, uint32_t page, unsigned index);
/* Protect and compare each table that the guest may write.  The caller flushes. */
void mmu_synchronize(struct mmu *mmu);

/* Whoever has asked for the next store to the page at gpa has it now. */
void mmu_lift_guard(struct mmu *mmu, uint64_t gpa);

/* mmu_role.c */

/* Whether page shadows a table in the guest's memory. */
static inline bool mmu_shadows_table(const struct mmu_page *page)
{
	return !page->role.direct && !page->role.top;
}

static inline unsigned mmu_entry_size(union mmu_role role)
{
	return role.mode == PAGING_32BIT ? 4 : 8;
}

/*
 * Where the guest has the entry that slot `index` shadows.  A 32-bit table has 1,024 entries, of
 * which a shadow table takes in 512 at level 1, and 256 at level 2, where each entry of 4 MB needs
 * two of 2 MB.
 */
static inline uint64_t mmu_entry_gpa(const struct mmu_page *page, unsigned index)
{
	if (page->role.mode != PAGING_32BIT)
		return page->gpa + index * 8UL;
	index += page->role.quadrant * PTES_PER_PAGE;
	return page->gpa + (page->role.level == 1 ? index : index / 2) * 4UL;
}

/* What role and the guest's entry grant together. */
static inline union mmu_role mmu_combine(union mmu_role role, uint64_t entry)
{
	role.write &= !!(entry & PTE_RW);
	role.user &= !!(entry & PTE_US);
	role.no_execute |= !!(entry & PTE_NX);
	return role;
}

/* The same for a leaf: writable only once it is dirty.  With WP clear a supervisor writes its own
 * pages whatever their entries say. */
static inline union mmu_role mmu_leaf_rights(union mmu_role role, uint64_t entry)
{
	role = mmu_combine(role, entry);
	if (!role.wp && !role.user)
		role.write = true;
	if (!(entry & PTE_D))
		role.write = false;
	return role;
}

/* The bits of a level 1 entry that say what role grants. */
static inline uint64_t mmu_rights_bits(union mmu_role role)
{
	return (role.write ? PTE_RW : 0) | (role.user ? PTE_US : 0) |
	       (role.no_execute ? PTE_NX : 0);
}

static inline uint64_t mmu_root_gpa(const struct paging_state *state, enum paging_mode mode)
{
	switch (mode) {
	case PAGING_NONE:
		return 0;
	case PAGING_32BIT:
		return state->cr3 & 0xfffff000;
	case PAGING_PAE:
		return state->cr3 & 0xffffffe0;
	case PAGING_4LEVEL:
		break;
	}
	return state->cr3 & PTE_ADDR_MASK;
}

union mmu_role mmu_root_role(const struct paging_state *state);
/* The slots that shadow what the guest has at offset (in bytes) of its table. */
void mmu_slots_at(const struct mmu_page *page, unsigned offset, unsigned *first, unsigned *count);
/* Whether entry (present) has bits that are reserved, or not certain to be ignored. */
bool mmu_odd_entry(const struct mmu *mmu, union mmu_role role, uint64_t entry);

#endif
