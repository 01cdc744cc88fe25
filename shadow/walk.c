#include "shadow/walk.h"

#include "l1vmm/arch/x86.h"

#define MAX_LEVELS 4

#define always_inline inline __attribute__((always_inline))

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

/*
 * One walk.  Level 1 is the table whose entries map 4 KB pages.  The mode is a constant in each of
 * the copies that walk_from() makes of what follows, since each step of a walk counts.
 */
struct walker {
	const struct walk_memory *memory;
	const struct paging_state *state;
	enum paging_mode mode;
	struct paging_geometry geometry;
	uint64_t gva;
	uint32_t access;
	/* Where it begins: the level, the table and the rights that led there. */
	unsigned first;
	uint64_t table, rights;
	/* An entry with none of these, which is any usual one, has no reserved bit set. */
	uint64_t unusual;
	uint64_t common; /* of the entries used, what all of them have */
	unsigned leaf;	 /* level of the last one */
};

static bool canonical(uint64_t gva)
{
	unsigned shift = 64 - LINEAR_BITS_4LEVEL;

	return (uint64_t)((int64_t)(gva << shift) >> shift) == gva;
}

/* SDM volume 3, 4.7: I/D says something only where a fetch can be told from a read. */
static always_inline uint32_t fault_code(const struct walker *w, uint32_t cause)
{
	bool tells_fetch =
		w->state->cr4 & CR4_SMEP || (w->mode != PAGING_32BIT && w->state->efer & EFER_NXE);

	return cause | (w->access & (PF_W | PF_U | (tells_fetch ? PF_I : 0)));
}

static always_inline unsigned level_shift(const struct walker *w, unsigned level)
{
	return PAGE_SHIFT + (level - 1) * w->geometry.index_bits;
}

/* PS is reserved in a PML4E, which a walk refuses before it asks. */
static always_inline bool maps_page(const struct walker *w, unsigned level, uint64_t entry)
{
	if (level == 1)
		return true;
	if (!(entry & PTE_PS))
		return false;
	return w->mode != PAGING_32BIT || w->state->cr4 & CR4_PSE;
}

/* Bits that must be zero in a present entry: SDM volume 3, tables 4-4, 4-9 and 4-14 to 4-20. */
static always_inline uint64_t reserved_bits(const struct walker *w, unsigned level, uint64_t entry)
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

static always_inline uint64_t page_base(const struct walker *w, unsigned level, uint64_t entry)
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
static always_inline bool permitted(const struct walker *w, uint64_t rights)
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
static always_inline bool mark_used(const struct walker *w, struct step steps[])
{
	if (!w->memory->exchange)
		return true;
	for (unsigned level = w->first; level >= w->leaf; level--) {
		struct step *step = &steps[level];
		bool dirty = level == w->leaf && w->access & PF_W;
		uint64_t marked = step->entry | PTE_A | (dirty ? PTE_D : 0);

		if (marked == step->entry)
			continue;
		if (!w->memory->exchange(w->memory->ctx, step->gpa, w->geometry.entry_size,
					 step->entry, marked))
			return false;
		step->entry = marked;
	}
	return true;
}

/* Go down to the entry that maps gva, noting each step. */
static always_inline enum walk_status descend(struct walker *w, struct step steps[],
					      struct walk_result *out)
{
	const uint64_t index_mask = BIT(w->geometry.index_bits) - 1;
	uint64_t rights = w->rights, table = w->table;

	w->common = PTE_A;
	for (unsigned level = w->first;; level--) {
		struct step *step = &steps[level];
		uint64_t index = w->gva >> level_shift(w, level) & index_mask, entry;

		step->gpa = table + index * w->geometry.entry_size;
		if (!w->memory->read(w->memory->ctx, step->gpa, w->geometry.entry_size, &entry)) {
			out->gpa = step->gpa;
			return WALK_OUTSIDE_MEMORY;
		}
		step->entry = entry;
		if (!(entry & PTE_P)) {
			out->error_code = fault_code(w, 0);
			return WALK_FAULT;
		}
		if (entry & w->unusual && entry & reserved_bits(w, level, entry)) {
			out->error_code = fault_code(w, PF_P | PF_RSVD);
			return WALK_FAULT;
		}
		w->common &= entry;
		if (maps_page(w, level, entry)) {
			w->leaf = level;
			out->rights = combine_rights(rights, entry);
			return WALK_OK;
		}
		rights = combine_rights(rights, entry);
		table = entry & PTE_ADDR_MASK;
	}
}

static always_inline enum walk_status translate(struct walker *w, struct walk_result *out)
{
	struct step steps[MAX_LEVELS + 1];
	enum walk_status status = descend(w, steps, out);

	if (status != WALK_OK)
		return status;
	if (!permitted(w, out->rights)) {
		out->error_code = fault_code(w, PF_P);
		return WALK_FAULT;
	}

	struct step *leaf = &steps[w->leaf];
	bool marked = w->common & PTE_A && (!(w->access & PF_W) || leaf->entry & PTE_D);

	if (!marked && !mark_used(w, steps))
		return WALK_CONTENDED;
	out->entry = leaf->entry;
	out->page_size = BIT(level_shift(w, w->leaf));
	out->gpa = page_base(w, w->leaf, leaf->entry) | (w->gva & (out->page_size - 1));
	out->rights |= leaf->entry & PTE_G;
	return WALK_OK;
}

/* Any bit that may be reserved.  PS is not always, but where it is set there are others. */
static always_inline uint64_t unusual_bits(const struct walker *w)
{
	if (w->mode == PAGING_32BIT)
		return PTE_PS;
	return ~(BIT(w->state->maxphyaddr) - 1 + (w->state->efer & EFER_NXE ? PTE_NX : 0)) | PTE_PS;
}

static always_inline enum walk_status walk_from(struct walker *w, struct walk_result *out)
{
	w->geometry = geometries[w->mode];
	w->unusual = unusual_bits(w);
	for (unsigned attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
		enum walk_status status = translate(w, out);

		if (status != WALK_CONTENDED)
			return status;
	}
	return WALK_CONTENDED;
}

static always_inline enum walk_status walk_32bit(struct walker *w, struct walk_result *out)
{
	w->mode = PAGING_32BIT;
	w->first = geometries[PAGING_32BIT].levels;
	w->table = w->state->cr3 & BITS(31, PAGE_SHIFT);
	return walk_from(w, out);
}

/* Reserved bits of a PDPTE are checked when it is loaded (SDM volume 3, 4.4.1), never by a walk. */
static always_inline enum walk_status walk_pae(struct walker *w, struct walk_result *out)
{
	uint64_t pdpte = w->state->pdpte[w->gva >> 30];

	w->mode = PAGING_PAE;
	w->first = geometries[PAGING_PAE].levels;
	w->table = pdpte & PTE_ADDR_MASK;
	if (pdpte & PTE_P)
		return walk_from(w, out);
	out->error_code = fault_code(w, 0);
	return WALK_FAULT;
}

static always_inline enum walk_status walk_4level(struct walker *w, struct walk_result *out)
{
	w->mode = PAGING_4LEVEL;
	w->first = geometries[PAGING_4LEVEL].levels;
	w->table = w->state->cr3 & PTE_ADDR_MASK;
	return canonical(w->gva) ? walk_from(w, out) : WALK_NOT_CANONICAL;
}

enum walk_status walk(const struct walk_memory *memory, const struct paging_state *state,
		      uint64_t gva, uint32_t access, struct walk_result *out)
{
	enum paging_mode mode = paging_mode(state);
	struct walker w = {
		.memory = memory,
		.state = state,
		.gva = mode == PAGING_4LEVEL ? gva : (uint32_t)gva,
		.access = access,
		.rights = PTE_RW | PTE_US,
	};

	*out = (struct walk_result){0};
	switch (mode) {
	case PAGING_NONE:
		break;
	case PAGING_32BIT:
		return walk_32bit(&w, out);
	case PAGING_PAE:
		return walk_pae(&w, out);
	case PAGING_4LEVEL:
		return walk_4level(&w, out);
	}
	out->gpa = w.gva;
	out->page_size = PAGE_SIZE;
	out->rights = w.rights;
	return WALK_OK;
}

enum walk_status walk_last_level(const struct walk_memory *memory, const struct paging_state *state,
				 uint64_t table, uint64_t rights, uint64_t gva, uint32_t access,
				 struct walk_result *out)
{
	struct walker w = {
		.memory = memory,
		.state = state,
		.mode = paging_mode(state),
		.gva = gva,
		.access = access,
		.first = 1,
		.table = table,
		.rights = rights,
	};

	return walk_from(&w, out);
}
