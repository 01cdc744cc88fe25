#include "shadow/walk.h"

#include "l1vmm/arch/x86.h"

#define MAX_LEVELS 4

/*
 * A failed exchange means that another vCPU changed the entry, which only a guest at war with
 * itself does many times in a row.
 */
#define MAX_ATTEMPTS 8

#define LINEAR_BITS_4LEVEL 48

/* Bits first to last, both included; none where last < first. */
#define BITS(last, first) ((last) < (first) ? 0 : (BIT((last) - (first)) * 2 - 1) << (first))

struct paging_geometry {
	uint8_t levels; /* of tables in memory */
	uint8_t index_bits;
	uint8_t entry_size;
};

static const struct paging_geometry geometries[] = {
	[PAGING_32BIT] = {2, 10, 4},
	[PAGING_PAE] = {2, 9, 8},
	[PAGING_4LEVEL] = {4, 9, 8},
};

/* An entry that a translation went through. */
struct step {
	uint64_t gpa;
	uint64_t entry;
};

/* One walk.  Level 1 is the table whose entries map 4 KB pages. */
struct walker {
	const struct walk_memory *memory;
	const struct paging_state *state;
	enum paging_mode mode;
	struct paging_geometry geometry;
	uint64_t gva;
	uint32_t access;
	struct step steps[MAX_LEVELS + 1];
	unsigned leaf; /* level of the last entry */
};

enum paging_mode paging_mode(const struct paging_state *state)
{
	if (!(state->cr0 & CR0_PG))
		return PAGING_NONE;
	if (state->efer & EFER_LMA)
		return PAGING_4LEVEL;
	return state->cr4 & CR4_PAE ? PAGING_PAE : PAGING_32BIT;
}

static bool canonical(uint64_t gva)
{
	unsigned shift = 64 - LINEAR_BITS_4LEVEL;

	return (uint64_t)((int64_t)(gva << shift) >> shift) == gva;
}

/* SDM volume 3, 4.7: I/D says something only where a fetch can be told from a read. */
static uint32_t fault_code(const struct walker *w, uint32_t cause)
{
	bool tells_fetch =
		w->state->cr4 & CR4_SMEP || (w->mode != PAGING_32BIT && w->state->efer & EFER_NXE);

	return cause | (w->access & (PF_W | PF_U | (tells_fetch ? PF_I : 0)));
}

static unsigned level_shift(const struct walker *w, unsigned level)
{
	return PAGE_SHIFT + (level - 1) * w->geometry.index_bits;
}

/* PS is reserved in a PML4E, which a walk refuses before it asks. */
static bool maps_page(const struct walker *w, unsigned level, uint64_t entry)
{
	if (level == 1)
		return true;
	if (!(entry & PTE_PS))
		return false;
	return w->mode != PAGING_32BIT || w->state->cr4 & CR4_PSE;
}

/* Bits that must be zero in a present entry: SDM volume 3, tables 4-4, 4-9 and 4-14 to 4-20. */
static uint64_t reserved_bits(const struct walker *w, unsigned level, uint64_t entry)
{
	unsigned maxphyaddr = w->state->maxphyaddr;
	bool large = level > 1 && maps_page(w, level, entry);

	if (w->mode == PAGING_32BIT) {
		/* PSE-36 keeps address bits 39:32 in bits 20:13, as many as the processor has. */
		unsigned width = maxphyaddr > 40 ? 40 : maxphyaddr;
		return large ? BITS(21, width - 19) : 0;
	}

	uint64_t reserved = BITS(w->mode == PAGING_PAE ? 62 : 51, maxphyaddr);
	if (!(w->state->efer & EFER_NXE))
		reserved |= PTE_NX;
	if (large)
		reserved |= BITS(level_shift(w, level) - 1, PAGE_SHIFT + 1);
	if (level == 4 || (level == 3 && !w->state->pages_1g))
		reserved |= PTE_PS;
	return reserved;
}

static uint64_t page_base(const struct walker *w, unsigned level, uint64_t entry)
{
	if (w->mode == PAGING_32BIT && level == 2)
		return (entry & BITS(31, 22)) | (entry & BITS(20, 13)) << 19;
	return entry & PTE_ADDR_MASK & ~(BIT(level_shift(w, level)) - 1);
}

static uint64_t combine_rights(uint64_t rights, uint64_t entry)
{
	return (rights & entry & (PTE_RW | PTE_US)) | ((rights | entry) & PTE_NX);
}

/* SDM volume 3, 4.6.1: whether the rights that all levels grant together allow the access. */
static bool permitted(const struct walker *w, uint64_t rights)
{
	const struct paging_state *state = w->state;
	bool user_page = rights & PTE_US;

	if (w->access & PF_I && rights & PTE_NX)
		return false;
	if (w->access & PF_U)
		return user_page && (!(w->access & PF_W) || rights & PTE_RW);
	if (w->access & PF_I)
		return !(user_page && state->cr4 & CR4_SMEP);
	if (user_page && state->cr4 & CR4_SMAP && !(state->rflags & RFLAGS_AC))
		return false;
	return !(w->access & PF_W) || rights & PTE_RW || !(state->cr0 & CR0_WP);
}

/* Set A, and D for a write, in every entry that was used; false if one of them has changed. */
static bool mark_used(const struct walker *w)
{
	if (!w->memory->exchange)
		return true;
	for (unsigned level = w->geometry.levels; level >= w->leaf; level--) {
		const struct step *step = &w->steps[level];
		bool dirty = level == w->leaf && w->access & PF_W;
		uint64_t marked = step->entry | PTE_A | (dirty ? PTE_D : 0);

		if (marked != step->entry &&
		    !w->memory->exchange(w->memory->ctx, step->gpa, w->geometry.entry_size,
					 step->entry, marked))
			return false;
	}
	return true;
}

/*
 * Where the tables in memory begin; WALK_FAULT if PAE paging has none for gva.  Reserved bits of a
 * PDPTE are checked when it is loaded (SDM volume 3, 4.4.1), never by a walk.
 */
static enum walk_status root_table(const struct walker *w, uint64_t *table, struct walk_result *out)
{
	if (w->mode == PAGING_PAE) {
		uint64_t pdpte = w->state->pdpte[w->gva >> 30];
		if (!(pdpte & PTE_P)) {
			out->error_code = fault_code(w, 0);
			return WALK_FAULT;
		}
		*table = pdpte & PTE_ADDR_MASK;
		return WALK_OK;
	}
	*table = w->state->cr3 & (w->mode == PAGING_32BIT ? BITS(31, PAGE_SHIFT) : PTE_ADDR_MASK);
	return WALK_OK;
}

/* Go down from the root to the entry that maps gva, noting each step. */
static enum walk_status descend(struct walker *w, struct walk_result *out)
{
	uint64_t index_mask = BIT(w->geometry.index_bits) - 1;
	uint64_t table = 0;
	enum walk_status status = root_table(w, &table, out);

	if (status != WALK_OK)
		return status;
	out->rights = PTE_RW | PTE_US;
	for (unsigned level = w->geometry.levels;; level--) {
		struct step *step = &w->steps[level];
		uint64_t index = w->gva >> level_shift(w, level) & index_mask;

		step->gpa = table + index * w->geometry.entry_size;
		if (!w->memory->read(w->memory->ctx, step->gpa, w->geometry.entry_size,
				     &step->entry)) {
			out->gpa = step->gpa;
			return WALK_OUTSIDE_MEMORY;
		}
		if (!(step->entry & PTE_P)) {
			out->error_code = fault_code(w, 0);
			return WALK_FAULT;
		}
		if (step->entry & reserved_bits(w, level, step->entry)) {
			out->error_code = fault_code(w, PF_P | PF_RSVD);
			return WALK_FAULT;
		}
		out->rights = combine_rights(out->rights, step->entry);
		if (maps_page(w, level, step->entry)) {
			w->leaf = level;
			return WALK_OK;
		}
		table = step->entry & PTE_ADDR_MASK;
	}
}

static enum walk_status translate(struct walker *w, struct walk_result *out)
{
	enum walk_status status = descend(w, out);

	if (status != WALK_OK)
		return status;
	if (!permitted(w, out->rights)) {
		out->error_code = fault_code(w, PF_P);
		return WALK_FAULT;
	}
	if (!mark_used(w))
		return WALK_CONTENDED;

	uint64_t leaf = w->steps[w->leaf].entry;
	out->page_size = BIT(level_shift(w, w->leaf));
	out->gpa = page_base(w, w->leaf, leaf) | (w->gva & (out->page_size - 1));
	out->rights |= leaf & PTE_G;
	return WALK_OK;
}

enum walk_status walk(const struct walk_memory *memory, const struct paging_state *state,
		      uint64_t gva, uint32_t access, struct walk_result *out)
{
	struct walker w = {
		.memory = memory,
		.state = state,
		.mode = paging_mode(state),
		.gva = gva,
		.access = access,
	};

	*out = (struct walk_result){0};
	if (w.mode == PAGING_4LEVEL && !canonical(gva))
		return WALK_NOT_CANONICAL;
	if (w.mode != PAGING_4LEVEL)
		w.gva &= UINT32_MAX;
	if (w.mode == PAGING_NONE) {
		out->gpa = w.gva;
		out->page_size = PAGE_SIZE;
		out->rights = PTE_RW | PTE_US;
		return WALK_OK;
	}

	w.geometry = geometries[w.mode];
	for (unsigned attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
		enum walk_status status = translate(&w, out);
		if (status != WALK_CONTENDED)
			return status;
	}
	return WALK_CONTENDED;
}
