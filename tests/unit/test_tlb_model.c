#include "shadow/tlb_model.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define LARGE_PAGE 0x200000UL

static struct tlb_model model;
static void *workspace;
static unsigned losses;
static struct tlb_page latest;

static void lost(void *ctx, const struct tlb_page *page)
{
	(void)ctx;
	losses++;
	latest = *page;
}

static void make(struct tlb_parameters parameters)
{
	free(workspace);
	cr_assert(tlb_parameters_valid(&parameters));
	workspace = malloc(tlb_model_workspace(&parameters));
	cr_assert(workspace);
	tlb_model_init(&model, &parameters, workspace, lost, NULL);
	losses = 0;
}

static void tear_down(void)
{
	free(workspace);
	workspace = NULL;
}

TestSuite(tlb_model, .fini = tear_down);

static void insert(uint64_t gva, bool large, bool global)
{
	const struct tlb_page page = {.gva = gva, .large = large, .global = global};

	tlb_model_insert(&model, &page);
}

static bool holds(uint64_t gva)
{
	struct tlb_page page;

	return tlb_model_find(&model, gva, &page);
}

Test(tlb_model, parameters_have_limits)
{
	static const struct {
		struct tlb_parameters parameters;
		bool valid;
	} rows[] = {
		{{0}, false},
		{{.sets = 1, .ways = 4}, true},
		{{.sets = 1, .ways = 3}, false},
		{{.sets = 0, .ways = 4}, false},
		{{.sets = 128, .ways = 64}, true},
		{{.sets = 129, .ways = 64}, false},
		{{.sets = 128, .ways = 65}, false},
		{{.sets = UINT32_MAX, .ways = 4}, false},
		{{.sets = 1, .ways = UINT32_MAX}, false},
		{{.sets = 1, .ways = 4, .large_sets = 1, .large_ways = 4}, true},
		{{.sets = 1, .ways = 4, .large_sets = 1, .large_ways = 3}, false},
		{{.sets = 1, .ways = 4, .pde = 64, .pdpte = 64, .pml4e = 64}, true},
		{{.sets = 1, .ways = 4, .pde = 65}, false},
		{{.sets = 1, .ways = 4, .pml4e = UINT32_MAX}, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(tlb_parameters_valid(&rows[i].parameters), rows[i].valid, "row %zu",
			     i);
}

Test(tlb_model, the_page_that_came_first_goes_first)
{
	make((struct tlb_parameters){.sets = 2, .ways = 4});
	for (uint64_t i = 0; i < 8; i++)
		insert(i << 12, false, false);
	cr_expect_eq(losses, 0);
	/* A hit does not save it. */
	cr_expect(holds(0));
	insert(8 << 12, false, false);
	cr_expect_eq(losses, 1);
	cr_expect_eq(latest.gva, 0);
	insert(10 << 12, false, false);
	cr_expect_eq(latest.gva, 2 << 12);
	/* The other set is as it was. */
	for (uint64_t i = 1; i < 8; i += 2)
		cr_expect(holds(i << 12), "page %lu", i);
}

Test(tlb_model, an_empty_way_goes_before_the_oldest)
{
	make((struct tlb_parameters){.sets = 1, .ways = 4});
	for (uint64_t i = 0; i < 4; i++)
		insert(i << 12, false, false);
	tlb_model_drop(&model, 2 << 12);
	cr_expect_eq(losses, 1);
	insert(9 << 12, false, false);
	cr_expect_eq(losses, 1);
	insert(10 << 12, false, false);
	cr_expect_eq(latest.gva, 0);
}

Test(tlb_model, both_sizes_share_sets_or_have_their_own)
{
	make((struct tlb_parameters){.sets = 1, .ways = 4});
	for (uint64_t i = 0; i < 4; i++)
		insert(i * LARGE_PAGE, true, false);
	insert(0x123456789000, false, false);
	cr_expect_eq(losses, 1);
	cr_expect(latest.large);

	make((struct tlb_parameters){.sets = 1, .ways = 4, .large_sets = 2, .large_ways = 4});
	for (uint64_t i = 0; i < 8; i++)
		insert(i * LARGE_PAGE, true, false);
	for (uint64_t i = 0; i < 4; i++)
		insert(0x40000000 + (i << 12), false, false);
	cr_expect_eq(losses, 0);
	insert(8 * LARGE_PAGE, true, false);
	cr_expect_eq(latest.gva, 0);
	cr_expect(latest.large);
}

Test(tlb_model, a_large_page_serves_each_address_in_it)
{
	struct tlb_page page;

	make((struct tlb_parameters){.sets = 4, .ways = 4});
	insert(3 * LARGE_PAGE, true, true);
	cr_expect(tlb_model_find(&model, 3 * LARGE_PAGE + 0x1fffff, &page));
	cr_expect_eq(page.gva, 3 * LARGE_PAGE);
	cr_expect(page.large && page.global);
	cr_expect_not(holds(4 * LARGE_PAGE));
	cr_expect_not(holds(3 * LARGE_PAGE - 1));
	tlb_model_drop(&model, 3 * LARGE_PAGE + 0x5123);
	cr_expect_not(holds(3 * LARGE_PAGE));
}

Test(tlb_model, a_flush_spares_global_pages_unless_told)
{
	make((struct tlb_parameters){.sets = 4, .ways = 4});
	insert(0x1000, false, true);
	insert(0x2000, false, false);
	tlb_model_flush(&model, false);
	cr_expect(holds(0x1000));
	cr_expect_not(holds(0x2000));
	cr_expect_eq(losses, 1);
	tlb_model_flush(&model, true);
	cr_expect_not(holds(0x1000));
	cr_expect_eq(losses, 2);
	cr_expect(latest.global);
}

static unsigned references(uint64_t gva, unsigned levels, unsigned leaf, unsigned host_levels)
{
	const struct tlb_walk walk = {(uint8_t)levels, (uint8_t)leaf, (uint8_t)host_levels};

	return tlb_model_walk(&model, gva, &walk);
}

/* SDM volume 3, 4.5 and 29.3.2: what a walk reads. */
Test(tlb_model, a_whole_walk_reads_each_table)
{
	make((struct tlb_parameters){.sets = 1, .ways = 4});
	for (unsigned again = 0; again < 2; again++) {
		cr_expect_eq(references(0, 4, 1, 0), 4);
		cr_expect_eq(references(0, 3, 2, 0), 3);
		cr_expect_eq(references(0, 2, 1, 0), 2);
		cr_expect_eq(references(0, 4, 1, 4), 24);
		cr_expect_eq(references(0, 4, 1, 3), 19);
		cr_expect_eq(references(0, 3, 2, 3), 15);
		cr_expect_eq(references(0, 2, 1, 4), 14);
		/* Without paging, EPT's tables alone. */
		cr_expect_eq(references(0, 0, 0, 4), 4);
	}
}

Test(tlb_model, a_structure_cache_saves_what_lies_above_it)
{
	make((struct tlb_parameters){.sets = 1, .ways = 4, .pde = 2, .pdpte = 1, .pml4e = 1});
	cr_expect_eq(references(0, 4, 1, 0), 4);
	cr_expect_eq(references(0x1000, 4, 1, 0), 1, "the PDE is known");
	cr_expect_eq(references(0x200000, 4, 1, 0), 2, "the PDPTE is known");
	cr_expect_eq(references(0x40000000, 4, 1, 0), 3, "the PML4E is known");
	/* It has taken the place of the other PDPTE, and of the older PDE. */
	cr_expect_eq(references(0x200000, 4, 1, 0), 1);
	cr_expect_eq(references(0, 4, 1, 0), 3);
	/* A PDE that maps a page is in no structure cache. */
	cr_expect_eq(references(0x600000, 3, 2, 0), 1);
	cr_expect_eq(references(0x600000, 3, 2, 0), 1);
	tlb_model_drop(&model, 0x123000);
	cr_expect_eq(references(0x600000, 3, 2, 0), 3, "INVLPG of any address empties them");
	tlb_model_flush(&model, false);
	cr_expect_eq(references(0x600000, 3, 2, 0), 3);
}

Test(tlb_model, under_ept_a_cached_table_needs_no_walk_of_its_own)
{
	make((struct tlb_parameters){.sets = 1, .ways = 4, .pde = 2, .pdpte = 2, .pml4e = 2});
	cr_expect_eq(references(0, 4, 1, 4), 24);
	cr_expect_eq(references(0x1000, 4, 1, 4), 5, "the last entry, and the page's own address");
	cr_expect_eq(references(0x200000, 4, 1, 4), 10);
	cr_expect_eq(references(0x40000000, 4, 1, 3), 12);
}
