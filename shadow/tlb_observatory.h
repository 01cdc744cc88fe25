/*
 * The TLB observatory without the machine that it works in: a modelled TLB, and the view of what it
 * holds.  Plain C.  docs/observatory.md tells the whole.
 */
#ifndef SHADOW_TLB_OBSERVATORY_H
#define SHADOW_TLB_OBSERVATORY_H

#include "shadow/tlb_model.h"
#include "shadow/tlb_view.h"

struct tlb_observatory {
	struct tlb_model model;
	struct tlb_view view;
	/* The processor may have cached what the view has no more. */
	bool dirty;
};

/* A translation that a processor would put into its TLB. */
struct tlb_translation {
	struct tlb_page page;
	struct tlb_walk walk;
	uint64_t address; /* of the page's first byte */
	uint64_t rights;  /* PTE_RW, PTE_US, PTE_NX */
};

/* Bytes of workspace, aligned to 8, for these parameters and so many tables. */
size_t tlb_observatory_workspace(const struct tlb_parameters *parameters, uint32_t tables);

/* Nothing is held.  As tlb_model_init() and tlb_view_init(). */
void tlb_observatory_init(struct tlb_observatory *o, const struct tlb_parameters *parameters,
			  uint64_t (*tables)[TLB_VIEW_ENTRIES], uint64_t base, uint32_t count,
			  void *workspace);

/*
 * The processor has faulted on the view where this translation would have served it.  Whether it
 * was a miss of the model, which then takes the page in, with how many references.  It is none
 * where only the rights in the view were out of date.
 */
bool tlb_observatory_take(struct tlb_observatory *o, const struct tlb_translation *translation,
			  unsigned *references);

/* Maps the page in the view, whatever the model holds. */
void tlb_observatory_show(struct tlb_observatory *o, const struct tlb_translation *translation);

/* INVLPG and the like: as tlb_model_drop(), tlb_model_flush(). */
void tlb_observatory_drop(struct tlb_observatory *o, uint64_t gva);
void tlb_observatory_flush(struct tlb_observatory *o, bool global);

/* Shadow tables as a processor walks them. */
struct tlb_tables {
	uint64_t root;
	unsigned levels; /* 4, or 3: those of PAE paging */
	bool smep, smap; /* CR4 */
	bool ac;	 /* RFLAGS.AC */
	const uint64_t *(*table)(void *ctx, uint64_t address);
	void *ctx;
};

/*
 * Translates as a processor with CR0.WP and EFER.NXE set would, which shadow tables ask for; access
 * is PF_W, PF_U and PF_I.  False where it would fault.  No page is global.
 */
bool tlb_walk_tables(const struct tlb_tables *tables, uint64_t gva, uint32_t access,
		     struct tlb_translation *out);

#endif
