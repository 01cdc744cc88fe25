#include "nesting/ept02.h"

#include <stddef.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/string.h"

#define TOP_LEVEL	 4
#define EPTP_FOUR_LEVELS (UINT64_C(3) << 3) /* page-walk length less one */
#define KEY_BITS	 (PTE_ADDR_MASK | EPT12_ACCESSED_DIRTY)
#define PAGE_BIT	 BIT(7)
#define TYPE_SHIFT	 3

static uint64_t alloc_table(void *ctx)
{
	struct ept02_root *root = ctx;
	struct ept02 *e = root->all;
	uint16_t table = e->free;
	uint64_t hpa;

	if (!table)
		return 0;
	e->free = e->next[table];
	e->free_count--;
	e->next[table] = root->tables;
	root->tables = table;
	hpa = e->pool + (table - UINT64_C(1)) * PAGE_SIZE;
	memset(e->ops.table(e->ops.ctx, hpa), 0, PAGE_SIZE);
	return hpa;
}

static uint64_t *table_at(void *ctx, uint64_t hpa)
{
	const struct ept02_root *root = ctx;

	return root->all->ops.table(root->all->ops.ctx, hpa);
}

static void free_table(struct ept02 *e, uint16_t table)
{
	e->next[table] = e->free;
	e->free = table;
	e->free_count++;
}

/* The topmost table, which was taken first, is given back last, and so is the next to be taken. */
static void free_tables(struct ept02_root *root)
{
	while (root->tables) {
		uint16_t table = root->tables;

		root->tables = root->all->next[table];
		free_table(root->all, table);
	}
}

/* Starts with an empty topmost table. */
static void start(struct ept02_root *root)
{
	uint64_t writes = root->table.writes;

	page_table_init(&root->table, &page_table_ept, &root->memory);
	root->table.writes = writes;
	root->composed = false;
}

void ept02_init(struct ept02 *e, const struct ept02_ops *ops, uint64_t pool, unsigned tables)
{
	*e = (struct ept02){.ops = *ops, .pool = pool};
	for (unsigned table = tables; table > 0; table--)
		free_table(e, (uint16_t)table);
	for (struct ept02_root *root = e->roots; root < e->roots + EPT02_ROOTS; root++) {
		root->all = e;
		root->memory = (struct page_table_memory){
			.ctx = root, .alloc = alloc_table, .table = table_at};
		start(root);
	}
}

/*
 * With the flags of ept12 the processor's accesses to L2's paging structures are writes; that it
 * says so takes the flags of ept02 (SDM volume 3, 29.3.5).
 */
static uint64_t pointer(const struct ept02_root *root)
{
	return root->table.root | EPTP_FOUR_LEVELS | EPT_WB | (root->key & EPT12_ACCESSED_DIRTY);
}

/* The processor may have cached the tables too, so it forgets before they serve anybody else. */
static void drop(struct ept02_root *root)
{
	struct ept02 *e = root->all;

	if (!root->composed)
		return;
	e->ops.invalidate(e->ops.ctx, pointer(root));
	free_tables(root);
	start(root);
}

static struct ept02_root *find_root(struct ept02 *e, uint64_t eptp12)
{
	for (struct ept02_root *root = e->roots; root < e->roots + EPT02_ROOTS; root++)
		if (root->last && !((root->key ^ eptp12) & PTE_ADDR_MASK))
			return root;
	return NULL;
}

static struct ept02_root *least_recent(struct ept02 *e)
{
	struct ept02_root *least = e->roots;

	for (struct ept02_root *root = e->roots; root < e->roots + EPT02_ROOTS; root++)
		if (root->last < least->last)
			least = root;
	return least;
}

uint64_t ept02_use(struct ept02 *e, uint64_t eptp12)
{
	struct ept02_root *root = e->current;
	uint64_t key = eptp12 & KEY_BITS;

	if (!root || root->key != key) {
		root = find_root(e, eptp12);
		if (!root)
			root = least_recent(e);
		if (root->key != key)
			drop(root);
		root->key = key;
		root->last = ++e->clock;
		e->current = root;
	}
	return pointer(root);
}

void ept02_invept(struct ept02 *e, uint64_t eptp12)
{
	struct ept02_root *root = find_root(e, eptp12);

	if (root)
		drop(root);
}

void ept02_invept_all(struct ept02 *e)
{
	for (struct ept02_root *root = e->roots; root < e->roots + EPT02_ROOTS; root++)
		drop(root);
}

/* Gives tables of the pool back: the current root's only if no other has any. */
static void reclaim(struct ept02 *e)
{
	struct ept02_root *least = e->current;

	for (struct ept02_root *root = e->roots; root < e->roots + EPT02_ROOTS; root++)
		if (root->composed && (least == e->current || root->last < least->last))
			least = root;
	drop(least);
}

static unsigned size_level(uint64_t size)
{
	unsigned level = 1;

	while (page_table_span(level) < size)
		level++;
	return level;
}

/*
 * Where the entry for `l2_gpa` is or would be; the tables down to `level` are there, or the pool
 * has them.
 */
static struct page_table_place find_place(struct ept02_root *root, uint64_t l2_gpa, unsigned level)
{
	struct ept02 *e = root->all;

	for (;;) {
		struct page_table_place place = page_table_find(&root->table, l2_gpa);

		if (place.level <= level || place.level - level <= e->free_count)
			return place;
		reclaim(e);
	}
}

/*
 * What was composed before gives way, be it that ept12 has changed; but where there is a table it
 * stays, and the page is mapped in smaller ones: a processor may have cached the table, for
 * addresses around.
 */
static void compose(struct ept02_root *root, uint64_t l2_gpa, uint64_t hpa, uint64_t size,
		    uint64_t bits)
{
	unsigned level = size_level(size);
	struct page_table_place place = find_place(root, l2_gpa, level);

	if (place.level > level && *place.entry)
		page_table_set(&root->table, place, 0);
	while (place.level > level)
		page_table_descend(&root->table, &place, l2_gpa);
	size = page_table_span(place.level);
	page_table_set(&root->table, place,
		       (hpa & -size) | bits | (place.level > 1 ? PAGE_BIT : 0));
	root->composed = true;
}

/* A violation makes the processor forget the translation of the address: 29.4.3.1. */
static void forget(struct ept02_root *root, uint64_t l2_gpa)
{
	struct page_table_place place;

	if (l2_gpa / page_table_span(TOP_LEVEL) >= PTES_PER_PAGE)
		return;
	place = page_table_find(&root->table, l2_gpa);
	if (*place.entry)
		page_table_set(&root->table, place, 0);
}

/* L1 has found a page of its own; L0 has it at `page`. */
static enum ept02_outcome map(struct ept02_root *root, const struct ept12_walk *walk,
			      uint64_t l2_gpa, uint64_t access)
{
	struct ept02 *e = root->all;
	struct ept_page page;
	uint64_t type;

	if (!e->ops.page(e->ops.ctx, walk->gpa, access, &page))
		return EPT02_NO_MEMORY;
	if (access & ~page.rights)
		return EPT02_DENIED;
	/* L1 may choose how its memory is cached where L0 leaves it the choice. */
	type = page.type == EPT_WB ? walk->type : (uint64_t)page.type << TYPE_SHIFT;
	compose(root, l2_gpa, page.hpa + (walk->gpa & (page.size - 1)),
		page.size < walk->size ? page.size : walk->size,
		(walk->rights & page.rights) | type);
	return EPT02_RETRY;
}

struct ept02_result ept02_fault(struct ept02 *e, const struct vmx_capabilities *offered,
				uint64_t l2_gpa, uint64_t access)
{
	struct ept02_root *root = e->current;
	struct ept12_walk walk = ept12_translate(&e->ops.l1, offered, root->key, l2_gpa, access);
	struct ept02_result r = {.outcome = EPT02_RETRY, .gpa = walk.gpa, .granted = walk.granted};
	uint64_t written = root->table.writes;

	switch (walk.outcome) {
	case EPT12_PAGE:
		r.outcome = map(root, &walk, l2_gpa, access);
		break;
	case EPT12_VIOLATION:
		forget(root, l2_gpa);
		r.outcome = EPT02_VIOLATION;
		break;
	case EPT12_MISCONFIG:
		r.outcome = EPT02_MISCONFIG;
		break;
	case EPT12_CHANGED:
		break;
	}
	r.writes = (unsigned)(root->table.writes - written);
	return r;
}
