#include "shadow/tlb_view.h"

#include "l1vmm/arch/x86.h"

#define NONE	      UINT32_MAX
#define PAE_ROOT_SIZE 4
#define TABLES_A_PAGE 3 /* below the root */

uint32_t tlb_view_tables(uint32_t pages)
{
	return 1 + PAE_ROOT_SIZE + TABLES_A_PAGE * pages;
}

size_t tlb_view_workspace(uint32_t tables)
{
	return tables * (sizeof(uint32_t) + sizeof(uint16_t));
}

static unsigned index_of(uint64_t gva, unsigned level)
{
	return gva >> (PAGE_SHIFT + (level - 1) * 9) & (TLB_VIEW_ENTRIES - 1);
}

static uint32_t child(const struct tlb_view *view, uint64_t entry)
{
	return (uint32_t)(((entry & PTE_ADDR_MASK) - view->base) >> PAGE_SHIFT);
}

static void put(volatile uint64_t *entry, uint64_t value)
{
	*entry = value;
}

static uint64_t link_to_new(struct tlb_view *view, uint64_t bits)
{
	uint32_t table = view->free;

	view->free = view->next[table];
	return view->base + (uint64_t)table * PAGE_SIZE + (bits | PTE_P);
}

/* With PAE paging the processor reads the root once: its tables are there to stay. */
void tlb_view_reset(struct tlb_view *view, unsigned levels)
{
	for (uint32_t i = 0; i < view->count; i++) {
		for (unsigned j = 0; view->present[i] > 0 && j < TLB_VIEW_ENTRIES; j++)
			put(&view->tables[i][j], 0);
		view->present[i] = 0;
		view->next[i] = i + 1 < view->count ? i + 1 : NONE;
	}
	view->free = 1;
	view->levels = levels;
	for (unsigned i = 0; levels == 3 && i < PAE_ROOT_SIZE; i++) {
		put(&view->tables[0][i], link_to_new(view, 0));
		view->present[0]++;
	}
}

void tlb_view_init(struct tlb_view *view, uint64_t (*tables)[TLB_VIEW_ENTRIES], uint64_t base,
		   uint32_t count, void *workspace)
{
	*view = (struct tlb_view){
		.tables = tables,
		.base = base,
		.count = count,
		.next = workspace,
		.present = (uint16_t *)((uint32_t *)workspace + count),
	};
	for (uint32_t i = 0; i < count; i++)
		view->present[i] = 0;
	tlb_view_reset(view, 4);
}

void tlb_view_map(struct tlb_view *view, uint64_t gva, bool large, uint64_t address,
		  uint64_t rights)
{
	unsigned leaf = large ? 2 : 1;
	uint32_t table = 0;

	for (unsigned level = view->levels;; level--) {
		uint64_t *entry = &view->tables[table][index_of(gva, level)];

		if (!(*entry & PTE_P))
			view->present[table]++;
		if (level == leaf) {
			put(entry, address | rights | PTE_P | PTE_A | PTE_D | (large ? PTE_PS : 0));
			return;
		}
		if (!(*entry & PTE_P))
			put(entry, link_to_new(view, PTE_RW | PTE_US | PTE_A));
		table = child(view, *entry);
	}
}

void tlb_view_unmap(struct tlb_view *view, uint64_t gva)
{
	uint32_t path[5] = {0};
	unsigned level = view->levels;

	for (;; level--) {
		uint64_t entry = view->tables[path[level]][index_of(gva, level)];

		if (!(entry & PTE_P))
			return;
		if (level == 1 || entry & PTE_PS)
			break;
		path[level - 1] = child(view, entry);
	}
	for (;; level++) {
		uint32_t table = path[level];

		put(&view->tables[table][index_of(gva, level)], 0);
		/* The root stays, and with PAE paging what it leads to. */
		if (--view->present[table] > 0 || level + (view->levels == 3) >= view->levels)
			return;
		view->next[table] = view->free;
		view->free = table;
	}
}

uint64_t tlb_view_find(const struct tlb_view *view, uint64_t gva)
{
	uint32_t table = 0;

	for (unsigned level = view->levels;; level--) {
		uint64_t entry = view->tables[table][index_of(gva, level)];

		if (!(entry & PTE_P) || level == 1 || entry & PTE_PS)
			return entry & PTE_P ? entry : 0;
		table = child(view, entry);
	}
}
