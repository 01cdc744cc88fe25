#include "tests/unit/ept_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "l1vmm/arch/x86.h"

#define TABLES 64

uint64_t ept_rig_gpa(unsigned page)
{
	static const uint64_t gpas[EPT_RIG_PAGES] = {
		0,	    0x1000,	0x1ff000,   0x200000,	0x201000,   0x3ff000,
		0x12345000, 0x12346000, 0x3fffe000, 0x3ffff000, 0x40000000, 0x405ff000,
	};

	return gpas[page];
}

/* Where a context has its page. */
static uint64_t page_gva(unsigned context, unsigned page)
{
	return (page + UINT64_C(3) * context) * PAGE_SIZE;
}

/* The other walk: the entries that translate gpa, from the root; 0 ends them. */
static unsigned walk(const struct ept_rig *rig, uint64_t gpa, uint64_t *entries[4])
{
	const struct page_table_memory *memory = &rig->tables.memory;
	uint64_t hpa = rig->ept.table.root;

	for (unsigned n = 0, shift = 39;; n++, shift -= 9) {
		entries[n] = &memory->table(memory->ctx, hpa)[gpa >> shift & 511];
		if (!(*entries[n] & EPT_RWX) || shift == 12 || (*entries[n] & PTE_PS))
			return n + 1;
		hpa = *entries[n] & PTE_ADDR_MASK;
	}
}

uint64_t ept_rig_entry(const struct ept_rig *rig, uint64_t gpa)
{
	uint64_t *entries[4];
	unsigned count = walk(rig, gpa, entries);

	return *entries[count - 1] & EPT_RWX ? *entries[count - 1] : 0;
}

static struct mmu_cache *physical(struct ept_rig *rig, unsigned page)
{
	return &tlb_line(&rig->tlb, TLB_GUEST_PHYSICAL, 0, ept_pointer(&rig->ept),
			 ept_rig_gpa(page))
			->cache;
}

static struct mmu_cache *combined(struct ept_rig *rig, unsigned context, unsigned page)
{
	return &tlb_line(&rig->tlb, TLB_COMBINED, (uint16_t)context, ept_pointer(&rig->ept),
			 page_gva(context, page))
			->cache;
}

static void take_in(struct ept_rig *rig)
{
	const struct cached_table root = {rig->ept.table.root, EPT_RWX};

	for (unsigned page = 0; page < EPT_RIG_PAGES; page++) {
		struct mmu_cache *from = physical(rig, page);

		cache_add_table(from, 4, root);
		cache_extend(from, ept_rig_gpa(page), cache_read_ept, &rig->ept);
		for (unsigned context = 0; context < EPT_RIG_CONTEXTS; context++)
			for (unsigned i = 0; i < from->page_count; i++)
				cache_add_page(combined(rig, context, page), from->pages[i]);
	}
}

static void invalidate(void *ctx)
{
	struct ept_rig *rig = ctx;

	take_in(rig);
	rig->invalidations++;
	if (rig->replaced)
		rig->replaced(rig);
	else if (rig->invalidations != rig->dropped)
		tlb_invept(&rig->tlb, INVEPT_CONTEXT, ept_pointer(&rig->ept));
	/* Another processor may walk before the next store. */
	take_in(rig);
}

/* SDM volume 3, 29.4.3.4: what is cached and what must not be. */
static bool is_lawful(const struct cached_page *cached, const struct mmu_cache *now)
{
	for (unsigned i = 0; i < now->page_count; i++) {
		const struct cached_page *page = &now->pages[i];

		if (cached->frame == page->frame && cached->size == page->size &&
		    !((cached->rights ^ page->rights) & CACHED_EPT_TYPE) &&
		    !(cached->rights & ~page->rights & (EPT_RWX | EPT_DIRTY)))
			return true;
	}
	return false;
}

static void check_line(struct ept_rig *rig, const struct mmu_cache *cache,
		       const struct mmu_cache *now, const char *kind, uint64_t gpa)
{
	for (unsigned i = 0; i < cache->page_count && !rig->stale[0]; i++)
		if (!is_lawful(&cache->pages[i], now))
			snprintf(rig->stale, sizeof(rig->stale),
				 "%s mapping of %#lx to %#lx with %#lx, %#lx bytes", kind, gpa,
				 cache->pages[i].frame, cache->pages[i].rights,
				 cache->pages[i].size);
}

void ept_rig_check(struct ept_rig *rig)
{
	take_in(rig);
	for (unsigned page = 0; page < EPT_RIG_PAGES; page++) {
		struct mmu_cache now = {.page_count = 0};

		cache_add_table(&now, 4, (struct cached_table){rig->ept.table.root, EPT_RWX});
		cache_extend(&now, ept_rig_gpa(page), cache_read_ept, &rig->ept);
		check_line(rig, physical(rig, page), &now, "guest-physical", ept_rig_gpa(page));
		for (unsigned context = 0; context < EPT_RIG_CONTEXTS; context++)
			check_line(rig, combined(rig, context, page), &now, "combined",
				   ept_rig_gpa(page));
	}
}

static bool allows(const struct mmu_cache *cache, uint64_t access)
{
	uint64_t wanted = access | (access & EPT_WRITE ? EPT_DIRTY : 0);

	for (unsigned i = 0; i < cache->page_count; i++)
		if (!(wanted & ~cache->pages[i].rights))
			return true;
	return false;
}

/* The processor walks for an access; false for an EPT violation. */
static bool walk_for(struct ept_rig *rig, uint64_t gpa, uint64_t access)
{
	uint64_t *entries[4];
	unsigned count = walk(rig, gpa, entries);

	if (access & ~*entries[count - 1])
		return false;
	if (!rig->ept.config.accessed_dirty)
		return true;
	for (unsigned i = 0; i < count; i++)
		*entries[i] |= EPT_ACCESSED;
	if (access & EPT_WRITE)
		*entries[count - 1] |= EPT_DIRTY;
	return true;
}

/* A processor that has cached a mapping that grants less may fault by it: once. */
static bool faults_by_cache(struct ept_rig *rig, unsigned context, unsigned page, uint64_t access)
{
	const struct mmu_cache *cache = combined(rig, context, page);

	for (unsigned i = 0; i < cache->page_count; i++)
		if (access & ~cache->pages[i].rights & EPT_RWX)
			return true;
	return false;
}

enum ept_result ept_rig_access(struct ept_rig *rig, unsigned context, unsigned page,
			       uint64_t access)
{
	uint64_t gpa = ept_rig_gpa(page);
	enum ept_result result = EPT_DONE;

	for (unsigned faults = 0; result == EPT_DONE; faults++) {
		tlb_transition(&rig->tlb, context != 0);
		ept_rig_check(rig);
		if (!faults_by_cache(rig, context, page, access) &&
		    (allows(combined(rig, context, page), access) || walk_for(rig, gpa, access)))
			break;
		cr_assert(faults < 2, "%#lx: no progress", gpa);
		tlb_ept_violation(&rig->tlb, (uint16_t)context, ept_pointer(&rig->ept), gpa,
				  page_gva(context, page));
		result = ept_access(&rig->ept, gpa, access);
		/* The other contexts keep theirs. */
		tlb_transition(&rig->tlb, context != 0);
	}
	ept_rig_check(rig);
	return result;
}

struct ept_config ept_rig_config(uint64_t page_size)
{
	return (struct ept_config){.base = EPT_RIG_BASE,
				   .size = EPT_RIG_MEMORY,
				   .page_size = page_size,
				   .rights = EPT_RWX};
}

void ept_rig_init(struct ept_rig *rig, struct ept_config config)
{
	table_rig_init(&rig->tables, &page_table_ept, TABLES);
	config.invalidate = invalidate;
	config.ctx = rig;
	cr_assert(ept_init(&rig->ept, &rig->tables.memory, &config));
	rig->tables.pt = rig->ept.table;
	tlb_reset(&rig->tlb);
	rig->invalidations = rig->dropped = 0;
	rig->replaced = NULL;
	rig->stale[0] = '\0';
}

void ept_rig_free(struct ept_rig *rig)
{
	table_rig_free(&rig->tables);
}
