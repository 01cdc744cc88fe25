/* ept02: what it maps, what it tells L1, what it keeps and for how long. */
#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/ept02_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* L1's tables below the topmost one of context n, which is page n. */
enum { PDPT = EPT02_CONTEXTS, PD, PT };

#define TABLE(page) ((uint64_t)(page) * PAGE_SIZE | EPT_RWX)
#define WB	    (UINT64_C(6) << 3)
#define LARGE	    UINT64_C(0x80)

static struct ept02_rig rig;

/* Tables for all that lies beside address 0, in every context. */
static void start(void)
{
	ept02_rig_init(&rig, EPT02_POOL_MOST);
	for (unsigned context = 0; context < EPT02_CONTEXTS; context++)
		rig.l1[context][0] = TABLE(PDPT);
	rig.l1[PDPT][0] = TABLE(PD);
	rig.l1[PD][0] = TABLE(PT);
}

static void map12(unsigned level, uint64_t gpa, uint64_t bits)
{
	rig.l1[level == 3   ? PDPT
	       : level == 2 ? PD
			    : PT][0] = gpa | bits | WB | (level > 1 ? LARGE : 0);
}

static void fails(uint64_t access, enum ept02_outcome outcome)
{
	cr_expect_eq(ept02_rig_access(&rig, 0, 0, access), outcome);
	cr_expect_str_empty(rig.stale);
}

/* The largest size that both have: pages of ept12 by level, and of the part of ept01. */
Test(ept02, maps_the_largest_common_size)
{
	static const uint64_t gpas[EPT02_PARTS] = {0, 0x200000, 0x40000000};

	for (unsigned level = 1; level <= 3; level++)
		for (unsigned part = 0; part < EPT02_PARTS; part++) {
			uint64_t gpa = gpas[part] & -page_table_span(level), size, entry;
			uint64_t size01;

			start();
			size01 = ept02_rig_part(&rig, gpa)->size;
			map12(level, gpa, EPT_RWX);
			fails(EPT_READ, EPT02_RETRY);
			entry = ept02_rig_entry(&rig, 0, &size);
			cr_expect_eq(size, page_table_span(level) < size01 ? page_table_span(level)
									   : size01);
			cr_expect_eq(entry & EPT_RWX, EPT_RWX);
			cr_expect_eq(rig.compositions, 1);
		}
}

Test(ept02, grants_what_all_levels_and_both_epts_grant)
{
	for (uint64_t upper = 0; upper <= EPT_RWX; upper++)
		for (uint64_t lower = 0; lower <= EPT_RWX; lower++)
			for (uint64_t below = EPT_READ; below <= EPT_RWX; below += 2) {
				uint64_t size;

				start();
				rig.l1[PD][0] = (rig.l1[PD][0] & ~EPT_RWX) | upper;
				map12(1, 0x7000, lower);
				rig.parts[0].granted = rig.parts[0].allowed = below;
				/* The rig holds the outcome against its own walk. */
				for (uint64_t access = EPT_READ; access <= EPT_EXECUTE;
				     access <<= 1)
					if (ept02_rig_access(&rig, 0, 0, access) == EPT02_RETRY)
						cr_expect_eq(ept02_rig_entry(&rig, 0, &size) &
								     EPT_RWX,
							     upper & lower & below);
				cr_expect_str_empty(rig.stale);
			}
}

Test(ept02, memory_is_cached_as_l1_says_unless_l0_knows_better)
{
	uint64_t size;

	start();
	rig.l1[PT][0] = 0x7000 | EPT_RWX | UINT64_C(9) << 3; /* write-combining, ignoring PAT */
	fails(EPT_READ, EPT02_RETRY);
	cr_expect_eq(ept02_rig_entry(&rig, 0, &size) >> 3 & 15, 9);
	rig.parts[0].type = EPT_UC;
	ept02_rig_changed(&rig);
	fails(EPT_READ, EPT02_RETRY);
	cr_expect_eq(ept02_rig_entry(&rig, 0, &size) >> 3 & 15, 0);
}

Test(ept02, malformed_entries_are_l1s_misconfigurations)
{
	static const struct {
		unsigned page;
		uint64_t entry;
	} bad[] = {
		{0, TABLE(PDPT) | LARGE},
		{PDPT, TABLE(PD) | WB},
		{PD, TABLE(PT) | 0x8},
		{PT, 0x7000 | EPT_WRITE | WB},
		{PT, 0x7000 | EPT_WRITE | EPT_EXECUTE | WB},
		{PT, 0x7000 | EPT_RWX | 2 << 3},
		{PT, 0x7000 | EPT_RWX | 3 << 3},
		{PT, 0x7000 | EPT_RWX | 7 << 3},
		{PD, 0x201000 | EPT_RWX | WB | LARGE},
		{PDPT, 0x40200000 | EPT_RWX | WB | LARGE},
		{PT, UINT64_C(1) << EPT02_RIG_WIDTH | EPT_RWX | WB},
		{PD, EPT02_MEMORY | EPT_RWX}, /* a table where there is no memory */
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		start();
		map12(1, 0x7000, EPT_RWX);
		rig.l1[bad[i].page][0] = bad[i].entry;
		fails(EPT_READ, EPT02_MISCONFIG);
	}
}

Test(ept02, what_is_malformed_depends_on_what_is_offered)
{
	start();
	map12(1, 0x7000, EPT_EXECUTE);
	fails(EPT_EXECUTE, EPT02_RETRY);
	ept02_rig_invept(&rig, 0);
	rig.offered.ept_vpid = ~EPT_VPID_EXECUTE_ONLY;
	fails(EPT_EXECUTE, EPT02_MISCONFIG);
	map12(3, 0, EPT_RWX);
	fails(EPT_READ, EPT02_RETRY);
	ept02_rig_invept(&rig, 0);
	rig.offered.ept_vpid = ~EPT_VPID_PAGES_1G;
	fails(EPT_READ, EPT02_MISCONFIG);
}

Test(ept02, addresses_beyond_48_bits_violate)
{
	struct ept02_result r;

	start();
	ept02_use(&rig.ept02, ept02_rig_eptp(&rig, 0));
	r = ept02_fault(&rig.ept02, &rig.offered, UINT64_C(1) << 48, EPT_READ);
	cr_expect_eq(r.outcome, EPT02_VIOLATION);
	cr_expect_eq(r.granted, 0);
}

Test(ept02, l0_says_what_it_lacks)
{
	start();
	map12(1, EPT02_MEMORY, EPT_RWX);
	fails(EPT_READ, EPT02_NO_MEMORY);
	map12(1, 0x7000, EPT_RWX);
	rig.parts[0].granted = rig.parts[0].allowed = EPT_READ;
	fails(EPT_WRITE, EPT02_DENIED);
	rig.parts[0].allowed |= EPT_WRITE;
	fails(EPT_WRITE, EPT02_RETRY);
}

/* SDM volume 3, table 28-7: what is the processor's to say, and what L1's tables say. */
Test(ept02, a_qualification_is_of_the_access_and_of_ept12)
{
	for (uint64_t granted = 0; granted <= EPT_RWX; granted++) {
		cr_expect_eq(ept12_qualification(0, granted), granted << 3);
		cr_expect_eq(ept12_qualification(UINT64_MAX, granted), 0x11187 | granted << 3);
	}
	for (unsigned bit = 0; bit < 64; bit++)
		cr_expect_eq(ept12_qualification(BIT(bit), 0), BIT(bit) & 0x11187, "bit %u", bit);
}

/* Accessed and dirty flags: of each entry on the way, of the page, and not before time. */
Test(ept02, flags_are_set_as_the_processor_would)
{
	start();
	map12(1, 0x7000, EPT_RWX);
	rig.flags[0] = true;
	fails(EPT_READ, EPT02_RETRY);
	for (unsigned i = 0; i < 4; i++)
		cr_expect_eq(rig.l1[i ? PDPT + i - 1 : 0][0] & 0x300, EPT_ACCESSED);
	cr_expect_eq(rig.stores, 4);
	fails(EPT_WRITE, EPT02_RETRY);
	cr_expect_eq(rig.l1[PT][0] & 0x300, EPT_ACCESSED | EPT_DIRTY);
	cr_expect_eq(rig.l1[PD][0] & 0x300, EPT_ACCESSED);
	cr_expect_eq(rig.stores, 5);
	/* Once L1 has taken them back, the next access sets them again. */
	rig.l1[PT][0] &= ~UINT64_C(0x300);
	ept02_rig_invept(&rig, 0);
	fails(EPT_READ | EPT_WRITE, EPT02_RETRY);
	cr_expect_eq(rig.l1[PT][0] & 0x300, EPT_ACCESSED | EPT_DIRTY);
}

Test(ept02, no_flags_without_being_asked_or_without_access)
{
	start();
	map12(1, 0x7000, EPT_READ);
	fails(EPT_READ, EPT02_RETRY);
	rig.flags[0] = true;
	fails(EPT_WRITE, EPT02_VIOLATION);
	cr_expect_eq(rig.stores, 0);
}

/* INVEPT of one EPT leaves the others alone, and one of what nobody has used costs nothing. */
Test(ept02, the_narrowest_is_dropped)
{
	uint64_t size;

	start();
	map12(1, 0x7000, EPT_RWX);
	for (unsigned context = 0; context < 3; context++)
		ept02_rig_access(&rig, context, 0, EPT_READ);
	cr_expect_eq(rig.compositions, 3);
	ept02_rig_invept(&rig, 1);
	ept02_rig_invept(&rig, 1);
	ept02_rig_invept(&rig, 5);
	cr_expect_eq(rig.invalidations[EPT02_INVEPT], 1);
	for (unsigned context = 0; context < 3; context++) {
		ept02_use(&rig.ept02, ept02_rig_eptp(&rig, context));
		cr_expect_eq(ept02_rig_entry(&rig, 0, &size) == 0, context == 1);
	}
	ept02_rig_invept(&rig, EPT02_CONTEXTS);
	cr_expect_eq(rig.invalidations[EPT02_INVEPT_ALL], 2);
}

/* As many EPTs as there are roots are kept; one more takes the place of the oldest. */
Test(ept02, the_root_used_least_recently_gives_way)
{
	start();
	map12(1, 0x7000, EPT_RWX);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned context = 0; context < EPT02_ROOTS; context++)
			ept02_rig_access(&rig, context, 0, EPT_READ);
	cr_expect_eq(rig.compositions, EPT02_ROOTS);
	ept02_rig_access(&rig, 0, 0, EPT_READ);
	ept02_rig_access(&rig, EPT02_ROOTS, 0, EPT_READ);
	cr_expect_eq(rig.invalidations[EPT02_REUSED], 1);
	ept02_rig_access(&rig, 0, 0, EPT_READ);
	cr_expect_eq(rig.compositions, EPT02_ROOTS + 1);
	ept02_rig_access(&rig, 1, 0, EPT_READ);
	cr_expect_eq(rig.compositions, EPT02_ROOTS + 2);
}

/* The memory type of L1's tables does not make another EPT. */
Test(ept02, an_ept_is_known_by_the_address_of_its_tables)
{
	uint64_t eptp02;

	start();
	eptp02 = ept02_use(&rig.ept02, 0x3000 | 0x1e);
	cr_expect_eq(ept02_use(&rig.ept02, 0x3000 | 0x18), eptp02);
	cr_expect_eq(ept02_use(&rig.ept02, 0x3000 | 0x5e), eptp02 | 0x40);
	cr_expect_neq(ept02_use(&rig.ept02, 0x4000 | 0x1e), eptp02);
}

/* The pool gives what it has; tables of the current root are the last to go. */
Test(ept02, tables_are_taken_from_others_first)
{
	uint64_t size;

	start();
	ept02_rig_init(&rig, EPT02_POOL_LEAST);
	for (unsigned context = 0; context < EPT02_CONTEXTS; context++)
		rig.l1[context][0] = rig.l1[context][1] = TABLE(PDPT);
	rig.l1[PDPT][0] = TABLE(PD);
	rig.l1[PD][0] = TABLE(PT);
	map12(1, 0x7000, EPT_RWX);
	ept02_rig_access(&rig, 0, 0, EPT_READ);
	ept02_rig_access(&rig, 1, 0, EPT_READ);
	cr_expect_eq(rig.invalidations[EPT02_RECLAIMED], 1);
	cr_expect_neq(ept02_rig_entry(&rig, 0, &size), 0);
	/* Another address of the same, for which there is no room beside the first. */
	cr_expect_eq(ept02_rig_access(&rig, 1, 7, EPT_READ), EPT02_RETRY);
	cr_expect_eq(rig.invalidations[EPT02_RECLAIMED], 2);
	cr_expect_eq(ept02_rig_entry(&rig, 0, &size), 0);
	cr_expect_str_empty(rig.stale);
}

/* Larger pages than before are found at the latest behind INVEPT, smaller ones at once. */
Test(ept02, sizes_change_with_those_of_l1)
{
	uint64_t size;

	start();
	map12(1, 0x200000, EPT_READ);
	fails(EPT_READ, EPT02_RETRY);
	map12(2, 0x200000, EPT_RWX);
	fails(EPT_WRITE, EPT02_RETRY);
	ept02_rig_entry(&rig, 0, &size);
	cr_expect_eq(size, PAGE_SIZE);
	ept02_rig_invept(&rig, 0);
	map12(2, 0x200000, EPT_READ);
	fails(EPT_READ, EPT02_RETRY);
	ept02_rig_entry(&rig, 0, &size);
	cr_expect_eq(size, PAGE_SIZE_2M);
	rig.l1[PD][0] = TABLE(PT);
	map12(1, 0x200000, EPT_RWX);
	fails(EPT_WRITE, EPT02_RETRY);
	ept02_rig_entry(&rig, 0, &size);
	cr_expect_eq(size, PAGE_SIZE);
}

/* A violation is as good as an invalidation of its address. */
Test(ept02, behind_a_violation_l1_may_map_anew)
{
	uint64_t size;

	start();
	map12(1, 0x7000, EPT_READ);
	fails(EPT_READ, EPT02_RETRY);
	fails(EPT_WRITE, EPT02_VIOLATION);
	cr_expect_eq(ept02_rig_entry(&rig, 0, &size), 0);
	map12(1, 0x9000, EPT_RWX);
	fails(EPT_READ, EPT02_RETRY);
	cr_expect_eq(ept02_rig_entry(&rig, 0, &size) & PTE_ADDR_MASK, rig.parts[0].base + 0x9000);
}
