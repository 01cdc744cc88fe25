#include "tests/unit/mmu_lawful.h"

#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/mmu_tables.h"

static bool paging(const struct mmu_rig *rig)
{
	return rig->state.cr0 & CR0_PG;
}

struct mmu_cache *rig_cached(struct mmu_rig *rig, unsigned n)
{
	rig->tlb.lines[n].address = rig->address[n];
	return &rig->tlb.lines[n].cache;
}

static void extend_cached(struct mmu_rig *rig, unsigned n)
{
	unsigned level = paging_mode(&rig->state) == PAGING_4LEVEL ? 4 : 3;

	cache_add_table(rig_cached(rig, n), level,
			(struct cached_table){rig->root, PTE_RW | PTE_US});
	cache_extend(rig_cached(rig, n), rig->address[n], rig_read_shadow, rig);
}

void rig_extend_lawful(struct mmu_rig *rig, unsigned n)
{
	const struct paging_state *state = &rig->state;
	struct cached_table root = {state->cr3 & PTE_ADDR_MASK, PTE_RW | PTE_US};
	uint64_t address = rig->address[n];

	switch (paging_mode(state)) {
	case PAGING_NONE:
		cache_add_page(&rig->lawful[n],
			       (struct cached_page){address & ~0xfffUL, PTE_RW | PTE_US | PTE_D,
						    PAGE_SIZE});
		return;
	case PAGING_32BIT:
		cache_add_table(&rig->lawful[n], 2, root);
		break;
	case PAGING_PAE:
		root.table = state->pdpte[address >> 30] & PTE_ADDR_MASK;
		if (state->pdpte[address >> 30] & PTE_P)
			cache_add_table(&rig->lawful[n], 2, root);
		break;
	case PAGING_4LEVEL:
		cache_add_table(&rig->lawful[n], 4, root);
		break;
	}
	cache_extend(&rig->lawful[n], address, rig_read_own, rig);
}

uint32_t rig_access_bits(unsigned i)
{
	static const uint32_t bits[RIG_ACCESSES] = {0,		 PF_W,	      PF_I, PF_U,
						    PF_U | PF_W, PF_U | PF_I, 0,    PF_W};

	return bits[i];
}

uint64_t rig_access_rflags(unsigned i)
{
	return i >= 6 ? RFLAGS_AC : 0;
}

/* SDM volume 3, 4.6, for a cached page: it takes a write only if it was dirty. */
static bool allows(const struct mmu_rig *rig, uint64_t rights, unsigned access, bool wp)
{
	uint32_t bits = rig_access_bits(access);
	uint64_t cr4 = paging(rig) ? rig->state.cr4 : 0;
	bool user = rights & PTE_US;

	if (bits & PF_W && !(rights & PTE_D))
		return false;
	if (bits & PF_I)
		return !(rights & PTE_NX) && (bits & PF_U ? user : !(user && cr4 & CR4_SMEP));
	if (bits & PF_U)
		return user && (!(bits & PF_W) || rights & PTE_RW);
	if (user && cr4 & CR4_SMAP && !rig_access_rflags(access))
		return false;
	return !(bits & PF_W) || rights & PTE_RW || !wp;
}

/* What the processor has cached must be lawful, access by access. */
static void check_page(struct mmu_rig *rig, unsigned n, const struct cached_page *page)
{
	bool wp = !paging(rig) || rig->state.cr0 & CR0_WP;

	for (unsigned access = 0; access < RIG_ACCESSES; access++) {
		bool lawful = false;

		if (!allows(rig, page->rights, access, true))
			continue;
		for (unsigned i = 0; i < rig->lawful[n].page_count && !lawful; i++)
			lawful = rig->lawful[n].pages[i].frame == page->frame &&
				 allows(rig, rig->lawful[n].pages[i].rights, access, wp);
		rig_expect(rig, lawful,
			   "%#lx maps %#lx with %#lx: access %u is stale or was never given",
			   rig->address[n], page->frame, page->rights, access);
	}
}

void rig_check_lawful(struct mmu_rig *rig)
{
	for (unsigned n = 0; n < RIG_ADDRESSES; n++) {
		rig_extend_lawful(rig, n);
		extend_cached(rig, n);
		for (unsigned i = 0; i < rig_cached(rig, n)->page_count; i++)
			check_page(rig, n, &rig_cached(rig, n)->pages[i]);
	}
}

void rig_check(struct mmu_rig *rig)
{
	rig_check_lawful(rig);
	for (unsigned n = 0; n < RIG_ADDRESSES; n++)
		for (unsigned i = 0; i < rig_cached(rig, n)->page_count; i++)
			rig_expect(
				rig,
				!(rig_cached(rig, n)->pages[i].rights & PTE_RW) ||
					!mmu_watches(&rig->mmu, rig_cached(rig, n)->pages[i].frame),
				"a table can be written through %#lx", rig->address[n]);
}

const struct cached_page *rig_choose(struct mmu_rig *rig, unsigned n, unsigned access,
				     struct random *random, uint64_t wanted)
{
	const struct cached_page *chosen = NULL;
	unsigned seen = 0;

	for (unsigned i = 0; i < rig_cached(rig, n)->page_count; i++) {
		const struct cached_page *page = &rig_cached(rig, n)->pages[i];

		if (!allows(rig, page->rights, access, true))
			continue;
		if ((wanted == ~0UL || page->frame == wanted) && random_once_in(random, ++seen))
			chosen = page;
	}
	return chosen;
}

void rig_check_progress(struct mmu_rig *rig, unsigned n, unsigned access)
{
	const struct mmu_cache *cache = rig_cached(rig, n);

	for (unsigned i = 0; i < cache->page_count; i++)
		rig_expect(rig, allows(rig, cache->pages[i].rights, access, true),
			   "%#lx: access %u would fault again", rig->address[n], access);
	for (unsigned level = 1; level <= CACHE_LEVELS; level++)
		for (unsigned i = 0; i < cache->table_count[level]; i++)
			rig_expect(rig,
				   rig_read_shadow(rig, level, cache->tables[level][i],
						   rig->address[n])
						   .kind != CACHE_NOTHING,
				   "%#lx: level %u leads nowhere", rig->address[n], level);
}

bool rig_crowded(const struct mmu_rig *rig)
{
	for (unsigned n = 0; n < RIG_ADDRESSES; n++) {
		if (rig->lawful[n].page_count > CACHE_WAYS / 2)
			return true;
		for (unsigned level = 1; level <= CACHE_LEVELS; level++)
			if (rig->lawful[n].table_count[level] > CACHE_WAYS / 2)
				return true;
	}
	return false;
}
