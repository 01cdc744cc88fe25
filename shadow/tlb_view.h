/*
 * Page tables that map the few pages which a modelled TLB holds, for a processor to run a guest on.
 * Plain C.  Tables are taken from a pool that is as large as it can ever have to be, and go back to
 * it as soon as they are empty.
 */
#ifndef SHADOW_TLB_VIEW_H
#define SHADOW_TLB_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLB_VIEW_ENTRIES 512

struct tlb_view {
	uint64_t (*tables)[TLB_VIEW_ENTRIES];
	uint64_t base; /* of the tables, as the processor finds them */
	uint32_t count;
	uint32_t free;	   /* head of the tables that are not in use */
	uint32_t *next;	   /* in that list */
	uint16_t *present; /* entries in use */
	unsigned levels;   /* 4, or 3: the format of PAE paging */
};

/* Tables that a view of so many pages can need. */
uint32_t tlb_view_tables(uint32_t pages);

/* Bytes of workspace for so many tables, aligned to 4. */
size_t tlb_view_workspace(uint32_t tables);

/*
 * An empty view of 4 levels on `count` tables, all zero, which the processor finds at `base`.  With
 * PAE paging in mind that is below 4 GB.
 */
void tlb_view_init(struct tlb_view *view, uint64_t (*tables)[TLB_VIEW_ENTRIES], uint64_t base,
		   uint32_t count, void *workspace);

/* Empty the view and give it 4 levels or 3. */
void tlb_view_reset(struct tlb_view *view, unsigned levels);

/* The table for CR3.  It stays the same. */
static inline uint64_t tlb_view_root(const struct tlb_view *view)
{
	return view->base;
}

/* Entry i, below 4, of the root: with PAE paging the processor has them in registers. */
static inline uint64_t tlb_view_pdpte(const struct tlb_view *view, unsigned i)
{
	return view->tables[0][i];
}

/*
 * Map the page around gva, of 2 MB where `large`, to the address, with PTE_RW, PTE_US and PTE_NX as
 * `rights` has them.  What was mapped there before must have been unmapped.
 */
void tlb_view_map(struct tlb_view *view, uint64_t gva, bool large, uint64_t address,
		  uint64_t rights);

/* Unmap the page around gva, whatever its size; nothing where there is none. */
void tlb_view_unmap(struct tlb_view *view, uint64_t gva);

/* The entry that maps gva; 0 if none. */
uint64_t tlb_view_find(const struct tlb_view *view, uint64_t gva);

#endif
