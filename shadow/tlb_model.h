/*
 * A model of a processor's second-level TLB and of its paging-structure caches: which translations
 * they hold, and what a walk costs in memory references.  Plain C; memory comes from the caller.
 *
 * The TLB is made of sets.  The set of a page is its number, in pages of its size, modulo the
 * number of sets.  A page goes to the lowest way of its set that is empty; where none is, to the
 * way that the set's counter names, which then goes on by one: first in, first out.  Hits change
 * nothing, so that they need not be seen.  Paging-structure caches are one set each and work alike.
 */
#ifndef SHADOW_TLB_MODEL_H
#define SHADOW_TLB_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An instruction needs several pages at once, and they may all belong to one set. */
#define TLB_WAYS_MIN 4

/* TLB_PARAMETER(name, least, most, text), in the order in which they are written down */
#define TLB_PARAMETERS                                                                            \
	TLB_PARAMETER(sets, 1, 4096, "sets for pages of 4 KB")                                    \
	TLB_PARAMETER(ways, TLB_WAYS_MIN, 64, "ways of them")                                     \
	TLB_PARAMETER(large_sets, 0, 4096, "sets for pages of 2 MB; 0: they share those of 4 KB") \
	TLB_PARAMETER(large_ways, 0, 64, "ways of them")                                          \
	TLB_PARAMETER(pde, 0, 64, "entries of the PDE cache")                                     \
	TLB_PARAMETER(pdpte, 0, 64, "entries of the PDPTE cache")                                 \
	TLB_PARAMETER(pml4e, 0, 64, "entries of the PML4E cache")

struct tlb_parameters {
#define TLB_PARAMETER(name, least, most, text) uint32_t name;
	TLB_PARAMETERS
#undef TLB_PARAMETER
};

#define TLB_ENTRIES_MAX 8192

/* Whether each parameter is within its limits, and the entries altogether within theirs. */
bool tlb_parameters_valid(const struct tlb_parameters *parameters);

/* Most pages that the TLB can hold. */
uint32_t tlb_parameters_entries(const struct tlb_parameters *parameters);

struct tlb_page {
	uint64_t gva; /* of its first byte */
	bool large;   /* 2 MB */
	bool global;
};

static inline uint64_t tlb_page_start(uint64_t gva, bool large)
{
	return gva & ~(large ? UINT64_C(0x1fffff) : UINT64_C(0xfff));
}

#define TLB_STRUCTURE_LEVELS 3 /* PDE, PDPTE, PML4E */

struct tlb_model {
	struct tlb_parameters parameters;
	uint64_t *entries;  /* set by set, those for 4 KB first, then PDEs, PDPTEs, PML4Es */
	uint32_t *counters; /* of each set, in the same order */
	/* Called for each page that the TLB loses. */
	void (*lost)(void *ctx, const struct tlb_page *page);
	void *ctx;
};

/* Bytes of workspace, aligned to 8, that tlb_model_init() needs. */
size_t tlb_model_workspace(const struct tlb_parameters *parameters);

/* An empty TLB.  @pre the parameters are valid */
void tlb_model_init(struct tlb_model *model, const struct tlb_parameters *parameters,
		    void *workspace, void (*lost)(void *ctx, const struct tlb_page *page),
		    void *ctx);

/* Whether a page around gva is held, and which. */
bool tlb_model_find(const struct tlb_model *model, uint64_t gva, struct tlb_page *page);

/* Take in a page, of which nothing is held. */
void tlb_model_insert(struct tlb_model *model, const struct tlb_page *page);

/* How a processor finds a page of which it has no translation. */
struct tlb_walk {
	uint8_t levels;	     /* of tables in memory: 4 with 4 KB pages in 4-level paging, 0 without
				paging */
	uint8_t leaf;	     /* level of the entry that maps: 1 for 4 KB, 2 for 2 MB */
	uint8_t host_levels; /* of the EPT tables that each address of a table is sent through */
};

/*
 * Memory references of a walk: levels, or (levels + 1) * (host_levels + 1) - 1 under EPT, less what
 * the paging-structure caches have, which take in what they have not.
 */
unsigned tlb_model_walk(struct tlb_model *model, uint64_t gva, const struct tlb_walk *walk);

/* INVLPG, a page fault: the page around gva goes, and the paging-structure caches altogether. */
void tlb_model_drop(struct tlb_model *model, uint64_t gva);

/* All that is held goes; global pages only where `global` says so. */
void tlb_model_flush(struct tlb_model *model, bool global);

#endif
