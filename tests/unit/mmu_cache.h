/*
 * All that a processor could have cached for one linear address (SDM volume 3, 4.10): translations,
 * and tables that some walk went through.  It forgets nothing by itself.
 */
#ifndef TESTS_UNIT_MMU_CACHE_H
#define TESTS_UNIT_MMU_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#define CACHE_WAYS   40
#define CACHE_LEVELS 4

struct cached_table {
	uint64_t table;	 /* physical address */
	uint64_t rights; /* PTE_RW, PTE_US and PTE_NX that led there */
};

struct cached_page {
	uint64_t frame;	 /* physical address of the 4 KB around the address */
	uint64_t rights; /* PTE_D too */
	uint64_t size;	 /* of the whole page, in bytes */
};

struct mmu_cache {
	struct cached_table tables[CACHE_LEVELS + 1][CACHE_WAYS]; /* by level */
	unsigned table_count[CACHE_LEVELS + 1];
	struct cached_page pages[CACHE_WAYS];
	unsigned page_count;
};

/* What an entry says. */
struct cache_step {
	enum {
		CACHE_NOTHING,
		CACHE_TABLE,
		CACHE_PAGE,
	} kind;
	struct cached_table table;
	struct cached_page page;
};

/* What the processor reads in a table of this level for the address. */
typedef struct cache_step cache_reader(const void *ctx, unsigned level, struct cached_table table,
				       uint64_t address);

/*
 * The same of an EPT, which is `ctx`.  With accessed and dirty flags a processor caches only what
 * it has flagged as accessed, and whether it has flagged it as dirty.  Rights are of EPT: EPT_RWX,
 * the type and EPT_DIRTY.
 */
struct cache_step cache_read_ept(const void *ctx, unsigned level, struct cached_table from,
				 uint64_t gpa);
#define CACHED_EPT_TYPE UINT64_C(0x38)

/* Take in a root, or a table that a register points to. */
void cache_add_table(struct mmu_cache *cache, unsigned level, struct cached_table table);
void cache_add_page(struct mmu_cache *cache, struct cached_page page);
/* Take in whatever can be walked now, from each table that is cached. */
void cache_extend(struct mmu_cache *cache, uint64_t address, cache_reader *read, const void *ctx);
void cache_drop(struct mmu_cache *cache);
/* What INVLPG of another address drops: all tables, and pages that hold that address too. */
void cache_invalidate(struct mmu_cache *cache, uint64_t address, uint64_t invalidated);

#endif
