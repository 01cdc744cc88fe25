#include "tests/unit/mmu_cache.h"

#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/ept.h"

void cache_add_table(struct mmu_cache *cache, unsigned level, struct cached_table table)
{
	unsigned *count = &cache->table_count[level];

	for (unsigned i = 0; i < *count; i++)
		if (cache->tables[level][i].table == table.table &&
		    cache->tables[level][i].rights == table.rights)
			return;
	cr_assert(*count < CACHE_WAYS);
	cache->tables[level][(*count)++] = table;
}

void cache_add_page(struct mmu_cache *cache, struct cached_page page)
{
	for (unsigned i = 0; i < cache->page_count; i++)
		if (cache->pages[i].frame == page.frame && cache->pages[i].rights == page.rights &&
		    cache->pages[i].size == page.size)
			return;
	cr_assert(cache->page_count < CACHE_WAYS);
	cache->pages[cache->page_count++] = page;
}

void cache_extend(struct mmu_cache *cache, uint64_t address, cache_reader *read, const void *ctx)
{
	for (unsigned level = CACHE_LEVELS; level > 0; level--) {
		for (unsigned i = 0; i < cache->table_count[level]; i++) {
			struct cache_step step = read(ctx, level, cache->tables[level][i], address);

			if (step.kind == CACHE_TABLE)
				cache_add_table(cache, level - 1, step.table);
			else if (step.kind == CACHE_PAGE)
				cache_add_page(cache, step.page);
		}
	}
}

void cache_drop(struct mmu_cache *cache)
{
	for (unsigned level = 0; level <= CACHE_LEVELS; level++)
		cache->table_count[level] = 0;
	cache->page_count = 0;
}

void cache_invalidate(struct mmu_cache *cache, uint64_t address, uint64_t invalidated)
{
	unsigned kept = 0;

	for (unsigned level = 0; level <= CACHE_LEVELS; level++)
		cache->table_count[level] = 0;
	for (unsigned i = 0; i < cache->page_count; i++)
		if (((address ^ invalidated) & ~(cache->pages[i].size - 1)) != 0)
			cache->pages[kept++] = cache->pages[i];
	cache->page_count = kept;
}

struct cache_step cache_read_ept(const void *ctx, unsigned level, struct cached_table from,
				 uint64_t gpa)
{
	const struct ept *ept = ctx;
	const struct page_table_memory *memory = ept->table.memory;
	bool flags = ept->config.accessed_dirty;
	uint64_t span = page_table_span(level);
	uint64_t entry = memory->table(memory->ctx, from.table)[gpa / span % 512];
	struct cache_step step = {.kind = CACHE_NOTHING};

	if (!(entry & EPT_RWX) || (flags && !(entry & EPT_ACCESSED)))
		return step;
	if (level > 1 && !(entry & PTE_PS)) {
		step.kind = CACHE_TABLE;
		step.table =
			(struct cached_table){entry & PTE_ADDR_MASK, from.rights & entry & EPT_RWX};
		return step;
	}
	step.kind = CACHE_PAGE;
	step.page = (struct cached_page){
		.frame = (entry & PTE_ADDR_MASK & -span) | (gpa & (span - 1) & PTE_ADDR_MASK),
		.rights = (from.rights & entry & EPT_RWX) | (entry & CACHED_EPT_TYPE) |
			  (flags ? entry & EPT_DIRTY : EPT_DIRTY),
		.size = span};
	return step;
}
