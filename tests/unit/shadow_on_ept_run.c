/* The processors of the rig: the one that there is, and the one that L1 believes in. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/shadow_on_ept_rig.h"

#define PTE_BITS (PTE_RW | PTE_US | PTE_NX)

/* Of a combined mapping, what of ept01's entry is in the rights beside what of L1's is. */
#define EPT_SHIFT 16
#define EPT_KEPT  (EPT_RWX | CACHED_EPT_TYPE | EPT_DIRTY)

/* ept01 has changed, or its flags have: the processor may walk it at any moment. */
void soe_take_in_ept(struct soe_rig *rig)
{
	const struct cached_table root = {rig->ept.table.root, EPT_RWX};

	rig->variants = 0;
	for (unsigned frame = 0; frame < SOE_FRAMES; frame++) {
		static struct mmu_cache now;

		cache_add_table(soe_physical(rig, frame), 4, root);
		cache_extend(soe_physical(rig, frame), frame * (uint64_t)PAGE_SIZE, cache_read_ept,
			     &rig->ept);
		cache_drop(&now);
		cache_add_table(&now, 4, root);
		cache_extend(&now, frame * (uint64_t)PAGE_SIZE, cache_read_ept, &rig->ept);
		if (rig->variants < soe_physical(rig, frame)->page_count)
			rig->variants = soe_physical(rig, frame)->page_count;
		rig->now[frame] = now.page_count ? now.pages[0] : (struct cached_page){.size = 0};
	}
}

/* What an entry of L1's says, if a processor can cache it; addresses are L1's. */
static struct cache_step read_entry(uint64_t entry, unsigned level, uint64_t rights, uint64_t gva)
{
	uint64_t span = page_table_span(level), next = entry & PTE_ADDR_MASK;
	struct cache_step step = {.kind = CACHE_NOTHING};

	if (!(entry & PTE_P) || !(entry & PTE_A))
		return step;
	rights = (rights & entry & (PTE_RW | PTE_US)) | ((rights | entry) & PTE_NX);
	if (level > 1 && !(entry & PTE_PS)) {
		step.kind = CACHE_TABLE;
		step.table = (struct cached_table){next, rights};
		return step;
	}
	step.kind = CACHE_PAGE;
	step.page =
		(struct cached_page){.frame = (next & -span) | (gva & (span - 1) & PTE_ADDR_MASK),
				     .rights = rights | (entry & (PTE_D | PTE_G)),
				     .size = span};
	return step;
}

static struct cache_step read_l1(const void *ctx, unsigned level, struct cached_table from,
				 uint64_t gva)
{
	const struct soe_rig *rig = ctx;

	if (from.table / PAGE_SIZE >= SOE_DATA)
		return (struct cache_step){.kind = CACHE_NOTHING};
	return read_entry(rig->l1[from.table / PAGE_SIZE][gva / page_table_span(level) % 512],
			  level, from.rights, gva);
}

/* The processor that there is: where an entry leads to is what it has cached of ept01 for that. */
struct view {
	struct soe_rig *rig;
	unsigned variant; /* which, where it has cached several */
};

static const struct cached_page *cached_frame(const struct view *view, uint64_t gpa)
{
	const struct mmu_cache *cache;

	if (gpa / PAGE_SIZE >= SOE_FRAMES)
		return NULL;
	cache = soe_physical(view->rig, (unsigned)(gpa / PAGE_SIZE));
	return view->variant < cache->page_count ? &cache->pages[view->variant] : NULL;
}

/* With flags an access to a paging structure is a write: SDM volume 3, 29.3.5. */
static uint64_t access_to_table(const struct soe_rig *rig)
{
	return rig->ept.config.accessed_dirty ? EPT_READ | EPT_WRITE | EPT_DIRTY : EPT_READ;
}

static struct cache_step read_combined(const void *ctx, unsigned level, struct cached_table from,
				       uint64_t gva)
{
	const struct view *view = ctx;
	struct cached_table l1 = {from.table - view->rig->ept.config.base, from.rights};
	struct cache_step step = read_l1(view->rig, level, l1, gva);
	const struct cached_page *at;

	if (step.kind == CACHE_NOTHING)
		return step;
	at = cached_frame(view, step.kind == CACHE_TABLE ? step.table.table : step.page.frame);
	if (!at || (step.kind == CACHE_TABLE && (access_to_table(view->rig) & ~at->rights)))
		return (struct cache_step){.kind = CACHE_NOTHING};
	if (step.kind == CACHE_TABLE) {
		step.table.table = at->frame;
	} else {
		step.page.frame = at->frame;
		step.page.rights |= (at->rights & EPT_KEPT) << EPT_SHIFT;
	}
	return step;
}

static void take_in_combined(struct soe_rig *rig, unsigned probe)
{
	uint64_t root = rig->root[rig->running] * (uint64_t)PAGE_SIZE;
	struct view view = {rig, 0};

	for (; view.variant < rig->variants; view.variant++) {
		const struct cached_page *at = cached_frame(&view, root);

		if (at && !(access_to_table(rig) & ~at->rights))
			cache_add_table(soe_combined(rig, probe), 4,
					(struct cached_table){at->frame, PTE_RW | PTE_US});
		cache_extend(soe_combined(rig, probe), soe_probe(probe), read_combined, &view);
	}
}

static bool is_lawful(const struct soe_rig *rig, const struct cached_page *used,
		      const struct mmu_cache *cache)
{
	const uint64_t l1_bits = PTE_BITS | PTE_D | PTE_G;
	uint64_t granted = used->rights >> EPT_SHIFT & EPT_KEPT;

	for (unsigned i = 0; i < cache->page_count; i++) {
		const struct cached_page *page = &cache->pages[i];
		const struct cached_page *now = &rig->now[page->frame / PAGE_SIZE % SOE_FRAMES];

		if (page->size == used->size && !((page->rights ^ used->rights) & l1_bits) &&
		    used->frame == rig->ept.config.base + page->frame && now->size &&
		    now->frame == used->frame && !((now->rights ^ granted) & CACHED_EPT_TYPE) &&
		    !(granted & ~now->rights & (EPT_RWX | EPT_DIRTY)))
			return true;
	}
	return false;
}

/* Both processors take in all that they can, and the one's is held against the other's. */
static void run(struct soe_rig *rig)
{
	for (unsigned probe = 0; probe < SOE_PROBES; probe++) {
		struct mmu_cache *may = soe_lawful(rig, probe), *used = soe_combined(rig, probe);

		cache_add_table(may, 4,
				(struct cached_table){rig->root[rig->running] * (uint64_t)PAGE_SIZE,
						      PTE_RW | PTE_US});
		cache_extend(may, soe_probe(probe), read_l1, rig);
		take_in_combined(rig, probe);
		rig->checked += used->page_count;
		for (unsigned i = 0; i < used->page_count && !rig->stale[0]; i++)
			if (!is_lawful(rig, &used->pages[i], may))
				snprintf(rig->stale, sizeof(rig->stale),
					 "context %u: %#lx at %#lx with %#lx, %#lx bytes",
					 rig->running, soe_probe(probe), used->pages[i].frame,
					 used->pages[i].rights, used->pages[i].size);
	}
}

/* The processor walks ept01 for an access, and flags what it uses; false for a violation. */
static bool walk_ept(struct soe_rig *rig, uint64_t gpa, uint64_t access)
{
	const struct page_table_memory *memory = &rig->tables.memory;
	uint64_t hpa = rig->ept.table.root, *way[CACHE_LEVELS];
	unsigned steps = 0, level = CACHE_LEVELS;
	bool changed = false;

	for (;; level--) {
		uint64_t *entry =
			&memory->table(memory->ctx, hpa)[gpa / page_table_span(level) % 512];

		way[steps++] = entry;
		if (access & EPT_RWX & ~*entry)
			return false;
		if (level == 1 || *entry & PTE_PS)
			break;
		hpa = *entry & PTE_ADDR_MASK;
	}
	for (unsigned i = 0; rig->ept.config.accessed_dirty && i < steps; i++) {
		uint64_t flags = EPT_ACCESSED;

		if (i == steps - 1 && access & EPT_WRITE)
			flags |= EPT_DIRTY;
		changed |= flags & ~*way[i];
		*way[i] |= flags;
	}
	if (changed)
		soe_take_in_ept(rig);
	return true;
}

/* An access to L1's memory on behalf of gva; what L0 makes of a violation stands in `outcome`. */
static bool reach(struct soe_rig *rig, uint64_t gpa, uint64_t gva, uint64_t access,
		  enum soe_outcome *outcome)
{
	*outcome = SOE_OUTSIDE;
	if (gpa / PAGE_SIZE >= SOE_FRAMES)
		return false;
	if (walk_ept(rig, gpa, access))
		return true;
	rig->violations++;
	tlb_ept_violation(&rig->hardware, soe_vpid02(rig), ept_pointer(&rig->ept), gpa, gva);
	*outcome = ept_access(&rig->ept, gpa, access & EPT_RWX) == EPT_DONE ? SOE_DONE : SOE_DENIED;
	soe_take_in_ept(rig);
	return false;
}

static bool caches(const struct mmu_cache *cache, uint64_t rights)
{
	for (unsigned i = 0; i < cache->page_count; i++)
		if (!(rights & ~cache->pages[i].rights))
			return true;
	return false;
}

/* A store must be counted where that was asked for, be it the processor's own of a flag. */
static void stored(struct soe_rig *rig, unsigned frame)
{
	if (rig->watched[frame] > rig->ept.write_grants && !rig->stale[0])
		snprintf(rig->stale, sizeof(rig->stale), "a store to %u was not counted", frame);
	rig->watched[frame] = 0;
}

enum soe_outcome soe_store(struct soe_rig *rig, unsigned frame, unsigned index, uint64_t entry)
{
	enum soe_outcome outcome = SOE_DONE;
	uint64_t gpa = frame * (uint64_t)PAGE_SIZE;

	while (!caches(soe_physical(rig, frame), EPT_WRITE | EPT_DIRTY) &&
	       !reach(rig, gpa, gpa, EPT_WRITE, &outcome))
		if (outcome != SOE_DONE)
			return outcome;
	rig->l1[frame][index] = entry;
	stored(rig, frame);
	return SOE_DONE;
}

static bool allows(uint64_t rights, uint64_t access)
{
	if (access & PTE_NX)
		return !(rights & PTE_NX) && (!(access & PTE_US) || rights & PTE_US);
	return !(access & (PTE_RW | PTE_US) & ~rights);
}

static uint64_t ept_access_of(uint64_t access)
{
	return access & PTE_NX ? EPT_EXECUTE : access & PTE_RW ? EPT_WRITE | EPT_DIRTY : EPT_READ;
}

/* Whether the processor can go by what it has cached. */
static bool hits(struct soe_rig *rig, unsigned probe, uint64_t access)
{
	const struct mmu_cache *cache = soe_combined(rig, probe);

	for (unsigned i = 0; i < cache->page_count; i++) {
		uint64_t rights = cache->pages[i].rights;

		if (allows(rights, access) && (!(access & PTE_RW) || rights & PTE_D) &&
		    !(ept_access_of(access) & ~(rights >> EPT_SHIFT)))
			return true;
	}
	return false;
}

/* Both dimensions, for an access; true if it has been walked to the end. */
static bool walk_both(struct soe_rig *rig, uint64_t gva, uint64_t access, enum soe_outcome *outcome)
{
	uint64_t table = rig->root[rig->running] * (uint64_t)PAGE_SIZE, rights = PTE_RW | PTE_US;

	for (unsigned level = CACHE_LEVELS;; level--) {
		unsigned frame = (unsigned)(table / PAGE_SIZE);
		unsigned index = (unsigned)(gva / page_table_span(level) % 512);
		struct cache_step step;
		uint64_t *entry, flags;

		if (!reach(rig, table, gva, access_to_table(rig), outcome))
			return false;
		*outcome = SOE_FAULT;
		entry = frame < SOE_DATA ? &rig->l1[frame][index] : NULL;
		if (!entry)
			return false;
		step = read_entry(*entry | PTE_A, level, rights, gva);
		flags = PTE_A;
		if (step.kind == CACHE_PAGE && access & PTE_RW)
			flags |= PTE_D;
		if (step.kind == CACHE_NOTHING ||
		    (step.kind == CACHE_PAGE && !allows(step.page.rights, access)))
			return false;
		if (flags & ~*entry) {
			if (!reach(rig, table, gva, EPT_READ | EPT_WRITE, outcome))
				return false;
			*entry |= flags;
			stored(rig, frame);
		}
		if (step.kind == CACHE_PAGE)
			return reach(rig, step.page.frame, gva, ept_access_of(access), outcome);
		rights = step.table.rights;
		table = step.table.table;
	}
}

enum soe_outcome soe_access(struct soe_rig *rig, unsigned probe, uint64_t access)
{
	enum soe_outcome outcome = SOE_DONE;
	uint64_t gva = soe_probe(probe);

	for (unsigned faults = 0; outcome == SOE_DONE; faults++) {
		run(rig);
		if (rig->stale[0] || hits(rig, probe, access))
			return SOE_DONE;
		cr_assert(faults < 2 * SOE_FRAMES, "%#lx: no progress", gva);
		walk_both(rig, gva, access, &outcome);
	}
	if (outcome == SOE_FAULT)
		soe_invlpg(rig, gva); /* as a page fault does */
	return outcome;
}
