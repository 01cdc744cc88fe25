/* The processors of the rig: L0's, which runs L2, and the one that L1 believes in. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/ept02_rig.h"

#define TYPE_BITS UINT64_C(0x78)
#define CROWDED	  24 /* pages or tables of one address that a cache has */

struct reader {
	struct ept02_rig *rig;
	bool flags;
};

static struct cache_step as_step(uint64_t entry, unsigned level, uint64_t rights, uint64_t dirty,
				 uint64_t address)
{
	uint64_t span = page_table_span(level);
	struct cache_step step = {.kind = CACHE_NOTHING};

	if (level == 1 || (level < 4 && (entry & 0x80))) {
		step.kind = CACHE_PAGE;
		step.page = (struct cached_page){
			.frame = (entry & PTE_ADDR_MASK) | (address & (span - 1) & ~0xfffull),
			.rights = (rights & entry & 7) | (entry & TYPE_BITS) | dirty,
			.size = span};
	} else {
		step.kind = CACHE_TABLE;
		step.table = (struct cached_table){entry & PTE_ADDR_MASK, rights & entry & 7};
	}
	return step;
}

/* A processor of L1's own: with flags it caches what it has flagged as accessed. */
static struct cache_step read_l1(const void *ctx, unsigned level, struct cached_table from,
				 uint64_t address)
{
	const struct reader *reader = ctx;
	uint64_t *at = ept02_rig_word(reader->rig,
				      from.table + address / page_table_span(level) % 512 * 8);
	const struct cache_step nothing = {.kind = CACHE_NOTHING};
	unsigned shift = 3 + 9 * level;
	bool page;

	if (!at || !(*at & 7) || (reader->flags && !(*at & EPT_ACCESSED)))
		return nothing;
	page = level == 1 || (level < 4 && (*at & 0x80));
	if (ept02_rig_malformed(reader->rig, *at, shift, page))
		return nothing;
	return as_step(*at, level, from.rights, reader->flags ? *at & EPT_DIRTY : EPT_DIRTY,
		       address);
}

static struct cache_step read_pool(const void *ctx, unsigned level, struct cached_table from,
				   uint64_t address)
{
	const struct cache_step nothing = {.kind = CACHE_NOTHING};
	const struct reader *reader = ctx;
	uint64_t entry;

	/* What has been a table may be another by now. */
	if (!ept02_rig_has(reader->rig, from.table)) {
		snprintf(reader->rig->stale, sizeof(reader->rig->stale), "a table at %#lx",
			 from.table);
		return nothing;
	}
	entry = ept02_rig_table(reader->rig, from.table)[address / page_table_span(level) % 512];
	if (!(entry & 7))
		return nothing;
	return as_step(entry, level, from.rights, EPT_DIRTY, address);
}

static struct mmu_cache *line(struct adversarial_tlb *tlb, uint64_t eptp, unsigned probe)
{
	return &tlb_line(tlb, TLB_GUEST_PHYSICAL, 0, eptp, ept02_rig_probe(probe))->cache;
}

/*
 * An EPT violation: what would be used to translate the address goes (SDM volume 3, 29.4.3.1), but
 * a large page may be cached in pieces (4.10.2.3), of which the others stay.
 */
static void violate(struct adversarial_tlb *tlb, uint64_t eptp, uint64_t l2_gpa)
{
	for (unsigned probe = 0; probe < EPT02_PROBES; probe++) {
		struct mmu_cache *cache = line(tlb, eptp, probe);
		uint64_t difference = ept02_rig_probe(probe) ^ l2_gpa;

		for (unsigned level = 1; level <= CACHE_LEVELS; level++)
			if (difference < page_table_span(level + 1))
				cache->table_count[level] = 0;
		if (difference < PAGE_SIZE)
			cache->page_count = 0;
	}
}

static bool crowded(const struct mmu_cache *cache)
{
	for (unsigned level = 1; level <= CACHE_LEVELS; level++)
		if (cache->table_count[level] > CROWDED)
			return true;
	return cache->page_count > CROWDED;
}

/* SDM volume 3, 29.4.3.4: what may still be used, by L1's own doing and by ept01. */
static bool is_lawful(struct ept02_rig *rig, const struct cached_page *used,
		      const struct mmu_cache *lawful)
{
	for (unsigned i = 0; i < lawful->page_count; i++) {
		const struct cached_page *page = &lawful->pages[i];
		const struct ept02_part *part = ept02_rig_part(rig, page->frame);
		uint64_t most = page->rights & EPT_RWX, type = page->rights & TYPE_BITS;

		if (!part || used->frame != part->base + page->frame)
			continue;
		if (!(page->rights & EPT_DIRTY))
			most &= ~EPT_WRITE;
		if (part->type != EPT_WB)
			type = (uint64_t)part->type << 3;
		if (!(used->rights & EPT_RWX & ~(most & part->granted)) &&
		    (used->rights & TYPE_BITS) == type && used->size <= page->size &&
		    used->size <= part->size)
			return true;
	}
	return false;
}

static void check_probe(struct ept02_rig *rig, const struct mmu_cache *used,
			const struct mmu_cache *lawful, unsigned context, unsigned probe)
{
	for (unsigned i = 0; i < used->page_count && !rig->stale[0]; i++)
		if (!is_lawful(rig, &used->pages[i], lawful))
			snprintf(rig->stale, sizeof(rig->stale),
				 "context %u: %#lx at %#lx with %#lx, %#lx bytes", context,
				 ept02_rig_probe(probe), used->pages[i].frame,
				 used->pages[i].rights, used->pages[i].size);
}

/* L2 runs: both processors take in all that they can, and the one's is held against the other's. */
static void run(struct ept02_rig *rig, unsigned context, uint64_t eptp02)
{
	const struct reader reader = {rig, rig->flags[context]};
	uint64_t eptp12 = ept02_rig_eptp(rig, context);

	for (unsigned probe = 0; probe < EPT02_PROBES; probe++) {
		struct mmu_cache *lawful = line(&rig->lawful, eptp12, probe);
		struct mmu_cache *used = line(&rig->hardware, eptp02, probe);

		cache_add_table(lawful, 4, (struct cached_table){(uint64_t)context * PAGE_SIZE, 7});
		cache_extend(lawful, ept02_rig_probe(probe), read_l1, &reader);
		cache_add_table(used, 4, (struct cached_table){eptp02 & PTE_ADDR_MASK, 7});
		cache_extend(used, ept02_rig_probe(probe), read_pool, &reader);
		check_probe(rig, used, lawful, context, probe);
	}
}

/* An L1 that edits without end invalidates now and then. */
static void make_room(struct ept02_rig *rig, unsigned context)
{
	uint64_t eptp12 = ept02_rig_eptp(rig, context);

	for (unsigned probe = 0; probe < EPT02_PROBES; probe++)
		if (crowded(line(&rig->lawful, eptp12, probe))) {
			ept02_rig_invept(rig, context);
			return;
		}
}

static bool hardware_allows(const struct mmu_cache *cache, uint64_t access)
{
	bool allowed = false;

	for (unsigned i = 0; i < cache->page_count; i++) {
		if (access & ~cache->pages[i].rights)
			return false;
		allowed = true;
	}
	return allowed;
}

/* How it should end. */
static enum ept02_outcome expected(struct ept02_rig *rig, const struct ept02_reference *r,
				   uint64_t access)
{
	const struct ept02_part *part;

	if (r->outcome == EPT12_MISCONFIG)
		return EPT02_MISCONFIG;
	if (r->outcome == EPT12_VIOLATION || (access & ~r->granted))
		return EPT02_VIOLATION;
	part = ept02_rig_part(rig, r->gpa);
	if (!part)
		return EPT02_NO_MEMORY;
	return access & ~(part->granted | part->allowed) ? EPT02_DENIED : EPT02_RETRY;
}

/* Behind a fault: the flags of ept12 are those that the access sets, and no others are stored. */
static void check_flags(const struct ept02_rig *rig, const struct ept02_reference *r,
			const uint64_t *before, unsigned stores, uint64_t access, bool flags)
{
	unsigned changed = 0;

	for (unsigned i = 0; i < r->steps; i++) {
		uint64_t set = flags ? EPT_ACCESSED : 0;

		if (flags && i == 0 && (access & EPT_WRITE))
			set |= EPT_DIRTY;
		/* A table may be on the way twice. */
		cr_assert_eq(*r->way[i] & ~EPT_DIRTY, (before[i] | set) & ~EPT_DIRTY);
		cr_assert_eq((*r->way[i] | before[i]) & set, set);
		changed += *r->way[i] != before[i];
	}
	cr_assert(changed >= rig->stores - stores);
}

static void check_composed(struct ept02_rig *rig, const struct ept02_reference *r, uint64_t l2_gpa)
{
	const struct ept02_part *part = ept02_rig_part(rig, r->gpa);
	uint64_t size, entry = ept02_rig_entry(rig, l2_gpa, &size);

	cr_assert_leq(size, r->size);
	cr_assert_leq(size, part->size);
	cr_assert_eq((entry & PTE_ADDR_MASK & -size) | (l2_gpa & (size - 1)), part->base + r->gpa);
}

static enum ept02_outcome fault(struct ept02_rig *rig, unsigned context, uint64_t l2_gpa,
				uint64_t access)
{
	struct ept02_reference r = ept02_rig_walk(rig, context, l2_gpa);
	enum ept02_outcome wanted = expected(rig, &r, access);
	struct page_table_place place = page_table_find(&rig->ept02.current->table, l2_gpa);
	uint64_t kept = *place.entry, before[4] = {0};
	bool flags = rig->flags[context] && wanted != EPT02_VIOLATION && wanted != EPT02_MISCONFIG;
	unsigned stores = rig->stores;
	struct ept02_result result;

	for (unsigned i = 0; i < r.steps; i++)
		before[i] = *r.way[i];
	rig->reason = EPT02_RECLAIMED;
	result = ept02_fault(&rig->ept02, &rig->offered, l2_gpa, access);
	cr_assert_eq(result.outcome, wanted, "%#lx for %#lx: %u, not %u", l2_gpa, access,
		     result.outcome, wanted);
	if (wanted == EPT02_VIOLATION)
		cr_assert_eq(result.granted, r.granted);
	check_flags(rig, &r, before, stores, access, flags);
	if (wanted == EPT02_RETRY) {
		rig->compositions++;
		check_composed(rig, &r, l2_gpa);
	} else if (wanted == EPT02_VIOLATION) {
		rig->violations++;
		if (rig->keeps)
			*place.entry = kept;
		violate(&rig->lawful, ept02_rig_eptp(rig, context), l2_gpa);
	}
	return wanted;
}

static uint64_t enter(struct ept02_rig *rig, unsigned context)
{
	uint64_t eptp12 = ept02_rig_eptp(rig, context);

	rig->reason = EPT02_REUSED;
	for (struct ept02_root *root = rig->ept02.roots; root < rig->ept02.roots + EPT02_ROOTS;
	     root++)
		if (root->last && !((root->key ^ eptp12) & PTE_ADDR_MASK))
			rig->reason = EPT02_FLAGS;
	return ept02_use(&rig->ept02, eptp12);
}

enum ept02_outcome ept02_rig_access(struct ept02_rig *rig, unsigned context, unsigned probe,
				    uint64_t access)
{
	uint64_t l2_gpa = ept02_rig_probe(probe);
	uint64_t eptp02;
	enum ept02_outcome outcome;

	make_room(rig, context);
	eptp02 = enter(rig, context);
	cr_assert_eq(eptp02 & 0xfff, rig->flags[context] ? 0x5e : 0x1e);
	run(rig, context, eptp02);
	if (hardware_allows(line(&rig->hardware, eptp02, probe), access))
		return EPT02_RETRY;
	violate(&rig->hardware, eptp02, l2_gpa);
	outcome = fault(rig, context, l2_gpa, access);
	if (outcome != EPT02_RETRY)
		return outcome;
	cr_assert_eq(ept02_use(&rig->ept02, ept02_rig_eptp(rig, context)), eptp02);
	run(rig, context, eptp02);
	cr_assert(rig->stale[0] || hardware_allows(line(&rig->hardware, eptp02, probe), access),
		  "%#lx: no progress", l2_gpa);
	return EPT02_RETRY;
}
