/* The choice of INVVPID and INVEPT types, and what each makes a processor forget. */
#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/invalidation.h"
#include "tests/unit/adversarial_tlb.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define VPID 5
#define EPTP UINT64_C(0x123000)
#define GVA  UINT64_C(0x00007f0012345000)
#define FAR  UINT64_C(0x0000100000000000) /* shares no table with GVA but the root */

enum { IS_INVVPID, IS_INVEPT };

/* SDM volume 3, A.10 and chapter 31. */
static const struct {
	enum invalidation what;
	int instruction;
	unsigned type, bit;
} known[] = {
	{INVALIDATE_VPID_ADDRESS, IS_INVVPID, 0, 40},
	{INVALIDATE_VPID_CONTEXT, IS_INVVPID, 1, 41},
	{INVALIDATE_VPID_ALL, IS_INVVPID, 2, 42},
	{INVALIDATE_VPID_NON_GLOBAL, IS_INVVPID, 3, 43},
	{INVALIDATE_EPT_CONTEXT, IS_INVEPT, 1, 25},
	{INVALIDATE_EPT_ALL, IS_INVEPT, 2, 26},
};

static const uint64_t always = BIT(42) | BIT(26); /* the widest */

/* The set of the types that can be missing: bit i of n. */
static uint64_t capabilities(unsigned n)
{
	static const unsigned bits[] = {40, 41, 43, 25};
	uint64_t value = always;

	for (unsigned i = 0; i < COUNT(bits); i++)
		if (n & 1u << i)
			value |= BIT(bits[i]);
	return value;
}

Test(invalidation, what_the_processor_has_is_what_is_used)
{
	cr_assert_eq(COUNT(known), INVALIDATIONS);
	for (unsigned n = 0; n < 16; n++) {
		struct invalidation_types types = invalidation_types(capabilities(n));

		for (size_t i = 0; i < COUNT(known); i++)
			if (capabilities(n) & BIT(known[i].bit))
				cr_expect_eq(types.type[known[i].what], known[i].type);
	}
}

Test(invalidation, what_it_has_not_is_replaced_by_what_it_has)
{
	for (unsigned n = 0; n < 16; n++) {
		struct invalidation_types types = invalidation_types(capabilities(n));

		for (size_t i = 0; i < COUNT(known); i++) {
			bool offered = false;

			for (size_t j = 0; j < COUNT(known); j++)
				if (known[j].instruction == known[i].instruction &&
				    known[j].type == types.type[known[i].what])
					offered = capabilities(n) & BIT(known[j].bit);
			cr_expect(offered, "row %zu with %#lx", i, capabilities(n));
		}
	}
}

/* Mappings that differ in each of what they are tagged with. */
static const struct {
	enum tlb_kind kind;
	uint16_t vpid;
	uint64_t eptp, address, rights;
	unsigned gone; /* bits by enum invalidation: what must make it go */
} mappings[] = {
#define ADDRESS	   (1u << INVALIDATE_VPID_ADDRESS)
#define NON_GLOBAL (1u << INVALIDATE_VPID_NON_GLOBAL)
#define CONTEXT	   (1u << INVALIDATE_VPID_CONTEXT)
#define VPIDS	   (1u << INVALIDATE_VPID_ALL)
#define EPT	   (1u << INVALIDATE_EPT_CONTEXT)
#define EPTS	   (1u << INVALIDATE_EPT_ALL)
	{TLB_LINEAR, VPID, 0, GVA, 0, ADDRESS | NON_GLOBAL | CONTEXT | VPIDS},
	{TLB_LINEAR, VPID, 0, FAR, 0, NON_GLOBAL | CONTEXT | VPIDS},
	{TLB_LINEAR, VPID, 0, FAR, TLB_GLOBAL, CONTEXT | VPIDS},
	{TLB_LINEAR, VPID + 1, 0, GVA, 0, VPIDS},
	{TLB_LINEAR, 0, 0, GVA, 0, 0},
	{TLB_COMBINED, VPID, EPTP, GVA, 0, ADDRESS | NON_GLOBAL | CONTEXT | VPIDS | EPT | EPTS},
	{TLB_COMBINED, VPID, EPTP + 0x1000, GVA, 0, ADDRESS | NON_GLOBAL | CONTEXT | VPIDS | EPTS},
	{TLB_COMBINED, VPID + 1, EPTP, GVA, 0, VPIDS | EPT | EPTS},
	{TLB_COMBINED, 0, EPTP, GVA, 0, EPT | EPTS},
	{TLB_GUEST_PHYSICAL, 0, EPTP, GVA, 0, EPT | EPTS},
	{TLB_GUEST_PHYSICAL, 0, EPTP + 0x1000, GVA, 0, EPTS},
};

static struct mmu_cache *cache(struct adversarial_tlb *tlb, size_t i)
{
	return &tlb_line(tlb, mappings[i].kind, mappings[i].vpid, mappings[i].eptp,
			 mappings[i].address)
			->cache;
}

static void fill(struct adversarial_tlb *tlb)
{
	tlb_reset(tlb);
	for (size_t i = 0; i < COUNT(mappings); i++) {
		const struct cached_page page = {
			.frame = i * PAGE_SIZE, .rights = mappings[i].rights, .size = PAGE_SIZE};

		cache_add_page(cache(tlb, i), page);
		cache_add_table(cache(tlb, i), 1, (struct cached_table){.table = PAGE_SIZE});
	}
}

static bool holds(struct adversarial_tlb *tlb, size_t i)
{
	const struct mmu_cache *from = cache(tlb, i);

	for (unsigned n = 0; n < from->page_count; n++)
		if (from->pages[n].frame == i * PAGE_SIZE)
			return true;
	return false;
}

static void carry_out(struct adversarial_tlb *tlb, int instruction, unsigned type)
{
	if (instruction == IS_INVVPID)
		tlb_invvpid(tlb, type, VPID, GVA);
	else
		tlb_invept(tlb, type, EPTP | 0x5e);
}

/* SDM volume 3, 29.4.3.1, for the TLB that the other tests trust. */
Test(invalidation, each_type_makes_go_what_it_must_and_nothing_else)
{
	static struct adversarial_tlb tlb;

	for (size_t k = 0; k < COUNT(known); k++) {
		fill(&tlb);
		carry_out(&tlb, known[k].instruction, known[k].type);
		for (size_t i = 0; i < COUNT(mappings); i++)
			cr_expect_eq(holds(&tlb, i), !(mappings[i].gone & 1u << known[k].what),
				     "invalidation %d, mapping %zu", known[k].what, i);
	}
}

Test(invalidation, a_replacement_makes_go_all_that_was_wanted)
{
	static struct adversarial_tlb tlb;

	for (unsigned n = 0; n < 16; n++) {
		struct invalidation_types types = invalidation_types(capabilities(n));

		for (size_t k = 0; k < COUNT(known); k++) {
			fill(&tlb);
			carry_out(&tlb, known[k].instruction, types.type[known[k].what]);
			for (size_t i = 0; i < COUNT(mappings); i++)
				cr_expect(!holds(&tlb, i) ||
						  !(mappings[i].gone & 1u << known[k].what),
					  "%#lx, invalidation %d, mapping %zu", capabilities(n),
					  known[k].what, i);
		}
	}
}

/* INVLPG drops combined mappings of every EPT; a transition drops only what has VPID 0. */
Test(invalidation, what_guests_and_transitions_make_go)
{
	static struct adversarial_tlb tlb;

	fill(&tlb);
	tlb_invlpg(&tlb, VPID, GVA);
	for (size_t i = 0; i < COUNT(mappings); i++)
		cr_expect_eq(holds(&tlb, i), !(mappings[i].gone & ADDRESS), "mapping %zu", i);
	fill(&tlb);
	tlb_transition(&tlb, true);
	for (size_t i = 0; i < COUNT(mappings); i++)
		cr_expect(holds(&tlb, i), "mapping %zu", i);
	tlb_transition(&tlb, false);
	for (size_t i = 0; i < COUNT(mappings); i++)
		cr_expect_eq(holds(&tlb, i),
			     mappings[i].vpid != 0 || mappings[i].kind == TLB_GUEST_PHYSICAL,
			     "mapping %zu", i);
}

/* Tables on the way to an address go with it, others stay. */
Test(invalidation, tables_go_with_the_addresses_that_they_translate)
{
	static const struct {
		uint64_t address;
		unsigned left; /* bits by level */
	} rows[] = {
		{GVA, 0},
		{GVA ^ PAGE_SIZE, 0},
		{GVA ^ PAGE_SIZE_2M, BIT(1)},
		{GVA ^ PAGE_SIZE_1G, BIT(1) | BIT(2)},
		{FAR, BIT(1) | BIT(2) | BIT(3)},
	};
	static struct adversarial_tlb tlb;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mmu_cache *line;

		tlb_reset(&tlb);
		line = &tlb_line(&tlb, TLB_LINEAR, VPID, 0, GVA)->cache;
		for (unsigned level = 1; level <= 3; level++)
			cache_add_table(line, level, (struct cached_table){.table = PAGE_SIZE});
		tlb_invlpg(&tlb, VPID, rows[i].address);
		for (unsigned level = 1; level <= 3; level++)
			cr_expect_eq(line->table_count[level], rows[i].left >> level & 1,
				     "row %zu, level %u", i, level);
	}
}
