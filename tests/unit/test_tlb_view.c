#include "shadow/tlb_view.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/random.h"

#define BASE	   0xd0000000UL
#define PAGES	   8
#define LARGE_PAGE 0x200000UL

static uint64_t (*tables)[TLB_VIEW_ENTRIES];
static struct tlb_view view;
static void *workspace;

static void set_up(void)
{
	uint32_t count = tlb_view_tables(PAGES);

	tables = calloc(count, sizeof(*tables));
	workspace = malloc(tlb_view_workspace(count));
	cr_assert(tables && workspace);
	tlb_view_init(&view, tables, BASE, count, workspace);
}

static void tear_down(void)
{
	free(tables);
	free(workspace);
}

TestSuite(tlb_view, .init = set_up, .fini = tear_down);

/* As a processor walks: the address that gva leads to, 0 where it faults. */
static uint64_t translate(uint64_t gva, uint64_t *leaf)
{
	uint64_t table = tlb_view_root(&view);

	for (unsigned level = view.levels;; level--) {
		unsigned shift = 12 + 9 * (level - 1);

		cr_assert(table >= BASE && (table - BASE) / PAGE_SIZE < view.count);
		*leaf = tables[(table - BASE) / PAGE_SIZE][gva >> shift & 511];
		if (!(*leaf & PTE_P))
			return 0;
		if (level == 3 && view.levels == 3)
			cr_expect_eq(*leaf & 0xfffUL & ~PTE_P, 0, "reserved in a PDPTE");
		else if (level > 1 && !(*leaf & PTE_PS))
			cr_expect_eq(*leaf & (PTE_RW | PTE_US), PTE_RW | PTE_US);
		table = *leaf & PTE_ADDR_MASK;
		if (level == 1 || (level == 2 && *leaf & PTE_PS))
			return table + (gva & ((1UL << shift) - 1));
	}
}

static unsigned tables_in_use(void)
{
	unsigned unused = 0;

	for (uint32_t i = view.free; i != UINT32_MAX; i = view.next[i]) {
		for (unsigned j = 0; j < TLB_VIEW_ENTRIES; j++)
			cr_assert_eq(tables[i][j], 0);
		unused++;
	}
	return view.count - unused;
}

static void agrees_with_a_list(unsigned levels)
{
	struct random random = {.state = levels};
	struct {
		uint64_t gva, address, rights;
		bool large;
	} list[PAGES];
	unsigned mapped = 0;
	uint64_t leaf;

	tlb_view_reset(&view, levels);
	for (unsigned step = 0; step < 50000; step++) {
		/* Few addresses, some of which share tables at each level. */
		uint64_t gva = (random_below(&random, 3) << 30) + (random_below(&random, 3) << 21) +
			       (random_below(&random, 3) << 12);
		unsigned i = 0;

		if (levels == 4)
			gva += random_below(&random, 3) << 39;
		while (i < mapped && (list[i].gva ^ gva) >> (list[i].large ? 21 : 12) != 0)
			i++;
		if (i < mapped || mapped == PAGES) {
			i = i < mapped ? i : random_below(&random, mapped);
			cr_assert_eq(translate(list[i].gva, &leaf), list[i].address);
			cr_assert_eq(leaf & (PTE_RW | PTE_US | PTE_NX), list[i].rights);
			cr_assert_eq(tlb_view_find(&view, list[i].gva), leaf);
			tlb_view_unmap(&view, list[i].gva);
			cr_assert_eq(translate(list[i].gva, &leaf), 0);
			cr_assert_eq(tlb_view_find(&view, list[i].gva), 0);
			list[i] = list[--mapped];
			continue;
		}
		cr_assert_eq(translate(gva, &leaf), 0);
		tlb_view_unmap(&view, gva);
		bool large = random_once_in(&random, 4);
		for (unsigned j = 0; j < mapped; j++)
			large &= (list[j].gva ^ gva) >> 21 != 0;
		list[mapped].large = large;
		list[mapped].gva = gva & ~(large ? LARGE_PAGE - 1 : 0);
		list[mapped].address = random_below(&random, 1000) * LARGE_PAGE;
		list[mapped].rights = random_next(&random) & (PTE_RW | PTE_US | PTE_NX);
		tlb_view_map(&view, gva, large, list[mapped].address, list[mapped].rights);
		mapped++;
	}
	while (mapped > 0)
		tlb_view_unmap(&view, list[--mapped].gva);
	cr_expect_eq(tables_in_use(), levels == 4 ? 1 : 5);
}

Test(tlb_view, maps_what_it_is_told_and_nothing_else)
{
	agrees_with_a_list(4);
	agrees_with_a_list(3);
}

Test(tlb_view, the_most_pages_find_tables)
{
	uint64_t leaf;

	for (uint64_t i = 0; i < PAGES; i++)
		tlb_view_map(&view, i << 39, false, i << 12, PTE_RW);
	cr_expect_eq(view.free != UINT32_MAX, true, "the room for a root of PAE paging is left");
	for (uint64_t i = 0; i < PAGES; i++)
		cr_expect_eq(translate((i << 39) + 5, &leaf), (i << 12) + 5);
	tlb_view_reset(&view, 4);
	cr_expect_eq(tables_in_use(), 1);
}

Test(tlb_view, with_pae_paging_the_registers_stay_the_same)
{
	uint64_t registers[4];

	tlb_view_reset(&view, 3);
	for (unsigned i = 0; i < 4; i++)
		registers[i] = tlb_view_pdpte(&view, i);
	for (uint64_t i = 0; i < 4; i++)
		tlb_view_map(&view, i << 30, i & 1, 0, PTE_RW);
	for (uint64_t i = 0; i < 4; i++)
		tlb_view_unmap(&view, i << 30);
	for (unsigned i = 0; i < 4; i++) {
		cr_expect_eq(tlb_view_pdpte(&view, i), registers[i]);
		cr_expect(registers[i] & PTE_P);
	}
}
