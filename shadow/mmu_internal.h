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

struct mmu_page {
	uint64_t gpa; /* of the guest table, or of the first page that a direct table maps */
	union mmu_role role;
	uint32_t parents; /* head of the slots that link to this page */
	uint16_t present; /* entries in use */
	uint8_t writes;	  /* emulated ones since the page was last used */
	bool unsync;	  /* the guest may write the table, which may differ from its shadow */
	bool orphan;	  /* in the list of orphans */
};

/* mmu_list.c */
void mmu_list_insert(struct mmu_link *links, uint32_t *head, uint32_t i);
void mmu_list_remove(struct mmu_link *links, uint32_t *head, uint32_t i);

/* mmu_slot.c */

uint64_t *mmu_table(const struct mmu *mmu, uint32_t page);
uint64_t mmu_page_hpa(const struct mmu *mmu, uint32_t page);
/* The page that an entry above level 1 links to. */
uint32_t mmu_child(const struct mmu *mmu, uint64_t entry);
void mmu_set_slot(struct mmu *mmu, uint32_t page, unsigned index, uint64_t value);
/* Empty a slot; a child that loses its last parent becomes an orphan. */
void mmu_drop_slot(struct mmu *mmu, uint32_t page, unsigned index);
/* Make each mapping of the frame at hpa read-only; whether one was not.  The caller flushes. */
bool mmu_protect_frame(struct mmu *mmu, uint64_t hpa);
void mmu_flush_everything(struct mmu *mmu);

/* mmu_pool.c */

uint32_t mmu_find_page(const struct mmu *mmu, uint64_t gpa, union mmu_role role);
/* The next page after `page` (MMU_NONE: the first) that shadows the guest table at gpa. */
uint32_t mmu_next_watcher(const struct mmu *mmu, uint64_t gpa, uint32_t page);
/* Take at least `count` pages out of use where fewer are free. */
void mmu_reserve(struct mmu *mmu, unsigned count);
/* A free page, which there must be, for a table of which mmu_find_page() knows none. */
uint32_t mmu_new_page(struct mmu *mmu, uint64_t gpa, union mmu_role role);
void mmu_touch_page(struct mmu *mmu, uint32_t page);
void mmu_free_page(struct mmu *mmu, uint32_t page);
void mmu_add_orphan(struct mmu *mmu, uint32_t page);
/* Free orphans that nobody has taken in. */
void mmu_bury_orphans(struct mmu *mmu);

/* mmu_sync.c */

void mmu_mark_unsync(struct mmu *mmu, uint32_t page);
void mmu_clear_unsync(struct mmu *mmu, uint32_t page);
/*
 * The table for gpa in this role, to be linked to: known and in step, or new, for which a page must
 * be free.
 */
uint32_t mmu_get_page(struct mmu *mmu, uint64_t gpa, union mmu_role role);
/*
 * Drop what the processor has cached for gva, with tables that are in step.  INVLPG takes all of
 * the paging-structure caches along (SDM volume 3, 4.10.4.1), and TLB entries of all of a large
 * page, which is in pieces here: where a link has gone, nothing less than all will do.
 */
void mmu_flush_gva(struct mmu *mmu, uint64_t gva);
/* Protect and compare each table that the guest may write.  The caller flushes. */
void mmu_synchronize(struct mmu *mmu);

/* mmu_role.c */

union mmu_role mmu_root_role(const struct paging_state *state);
uint64_t mmu_root_gpa(const struct paging_state *state);
/* Whether page shadows a table in the guest's memory. */
bool mmu_shadows_table(const struct mmu_page *page);
unsigned mmu_entry_size(union mmu_role role);
/* Where the guest has the entry that slot `index` shadows. */
uint64_t mmu_entry_gpa(const struct mmu_page *page, unsigned index);
/* The slots that shadow what the guest has at offset (in bytes) of its table. */
void mmu_slots_at(const struct mmu_page *page, unsigned offset, unsigned *first, unsigned *count);
/* What role and the guest's entry grant together. */
union mmu_role mmu_combine(union mmu_role role, uint64_t entry);
/* The same for a leaf: writable only once it is dirty. */
union mmu_role mmu_leaf_rights(union mmu_role role, uint64_t entry);
/* The bits of a level 1 entry that say what role grants. */
uint64_t mmu_rights_bits(union mmu_role role);
/* Whether entry (present) has bits that are reserved, or not certain to be ignored. */
bool mmu_odd_entry(const struct mmu *mmu, union mmu_role role, uint64_t entry);

#endif
