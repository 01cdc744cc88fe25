#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/ept.h"
#include "tests/unit/table_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define BASE   UINT64_C(0x00012340000000) /* hpa of the guest's memory */
#define MEMORY (UINT64_C(6) << 20)
#define TABLES 16

#define IGNORE_PAT BIT(6)

static const uint64_t page_sizes[] = {PAGE_SIZE, PAGE_SIZE_2M};

static void no_invalidation(void *ctx)
{
	(void)ctx;
	cr_assert_fail("a touch takes nothing away");
}

static struct ept_config config(uint64_t page_size)
{
	return (struct ept_config){.base = BASE,
				   .size = MEMORY,
				   .page_size = page_size,
				   .rights = EPT_RWX,
				   .invalidate = no_invalidation};
}

/* An EPT over the rig's memory, empty. */
static void start(struct table_rig *rig, struct ept *ept, uint64_t page_size)
{
	const struct ept_config with = config(page_size);

	table_rig_init(rig, &page_table_ept, TABLES);
	cr_assert(ept_init(ept, &rig->memory, &with));
	rig->pt = ept->table;
}

/*
 * Whether an entry is one that the processor calls misconfigured (SDM volume 3, 29.3.3.1), but for
 * the width of physical addresses.
 */
static bool is_misconfigured(uint64_t entry, unsigned shift, bool leaf)
{
	uint64_t type = entry >> 3 & 7;
	uint64_t reserved = shift == 39 ? 0xf8 : 0x78;

	if (!(entry & EPT_RWX))
		return false;
	if ((entry & EPT_RWX) == EPT_WRITE || (entry & EPT_RWX) == (EPT_WRITE | EPT_EXECUTE))
		return true;
	if (leaf)
		reserved = (UINT64_C(1) << shift) - PAGE_SIZE;
	return (entry & reserved) || (leaf && (type == 2 || type == 3 || type == 7));
}

/* No entry of the tables is misconfigured. */
static void expect_configured(const struct table_rig *rig, const struct ept *ept, uint64_t gpa)
{
	uint64_t hpa = ept->table.root;

	for (unsigned shift = 39; shift >= 12; shift -= 9) {
		uint64_t entry = rig->memory.table(rig->memory.ctx, hpa)[gpa >> shift & 511];
		bool leaf = shift == 12 || (entry & PTE_PS);

		cr_expect_not(is_misconfigured(entry, shift, leaf), "%#lx at shift %u", entry,
			      shift);
		if (leaf || !(entry & EPT_RWX))
			return;
		hpa = entry & PTE_ADDR_MASK;
	}
}

/* SDM volume 3, 25.6.11: write-back tables, four levels, no accessed and dirty flags. */
Test(ept, the_pointer_has_memory_type_levels_and_root)
{
	struct table_rig rig;
	struct ept ept;

	start(&rig, &ept, PAGE_SIZE);
	cr_expect_eq(ept_pointer(&ept) & PTE_ADDR_MASK, ept.table.root);
	cr_expect_eq(ept_pointer(&ept) & ~PTE_ADDR_MASK, 0x1e);
	table_rig_free(&rig);
}

Test(ept, init_fails_without_memory)
{
	struct table_rig rig;
	struct ept ept;

	const struct ept_config with = config(PAGE_SIZE);

	table_rig_init(&rig, &page_table_ept, TABLES);
	rig.limit = rig.used;
	cr_expect_not(ept_init(&ept, &rig.memory, &with));
	table_rig_free(&rig);
}

Test(ept, the_page_around_a_touch_is_mapped_write_back_with_all_rights)
{
	static const uint64_t gpas[] = {0,	  1,	    0xfff,    0x1000,	       0x1fffff,
					0x200000, 0x23456f, 0x3fffff, MEMORY - 0x1000, MEMORY - 1};

	for (size_t s = 0; s < COUNT(page_sizes); s++)
		for (size_t i = 0; i < COUNT(gpas); i++) {
			uint64_t size = page_sizes[s], page = gpas[i] & -size;
			uint64_t entry, got_size;
			struct table_rig rig;
			struct ept ept;

			start(&rig, &ept, size);
			cr_expect_not(page_table_lookup(&ept.table, gpas[i], &entry, &got_size));
			cr_assert_eq(ept_access(&ept, gpas[i], EPT_READ), EPT_DONE);
			cr_assert(page_table_lookup(&ept.table, gpas[i], &entry, &got_size));
			cr_expect_eq(got_size, size);
			cr_expect_eq(entry & PTE_ADDR_MASK, BASE + page, "gpa %#lx", gpas[i]);
			cr_expect_eq(entry & 0x7f, EPT_RWX | EPT_WB << 3, "gpa %#lx", gpas[i]);
			cr_expect_not(entry & IGNORE_PAT);
			expect_configured(&rig, &ept, gpas[i]);
			cr_expect_not(page_table_lookup(&ept.table, page - 1, &entry, &got_size));
			cr_expect_not(
				page_table_lookup(&ept.table, page + size, &entry, &got_size));
			table_rig_free(&rig);
		}
}

Test(ept, memory_ends_at_its_last_byte)
{
	static const struct {
		uint64_t gpa;
		enum ept_result result;
	} rows[] = {
		{MEMORY - 1, EPT_DONE},
		{MEMORY, EPT_NOT_MEMORY},
		{MEMORY + 1, EPT_NOT_MEMORY},
		{MEMORY + PAGE_SIZE_2M, EPT_NOT_MEMORY},
		{UINT64_C(1) << 47, EPT_NOT_MEMORY},
		{UINT64_C(1) << 48, EPT_NOT_MEMORY},
		{UINT64_MAX, EPT_NOT_MEMORY},
	};

	for (size_t s = 0; s < COUNT(page_sizes); s++)
		for (size_t i = 0; i < COUNT(rows); i++) {
			struct table_rig rig;
			struct ept ept;

			start(&rig, &ept, page_sizes[s]);
			cr_expect_eq(ept_access(&ept, rows[i].gpa, EPT_READ), rows[i].result,
				     "gpa %#lx", rows[i].gpa);
			cr_expect_eq(ept.table.writes != 0, rows[i].result == EPT_DONE);
			table_rig_free(&rig);
		}
}

/* A page of the hypervisor's own, outside of memory: to read and write until it is taken back. */
Test(ept, a_page_is_lent_outside_of_memory_only)
{
	const uint64_t gpa = 0xfee00000, hpa = 0x765000;
	struct table_rig rig;
	struct ept ept;

	start(&rig, &ept, PAGE_SIZE_2M);
	cr_expect_not(ept_lend(&ept, MEMORY - PAGE_SIZE, hpa));
	cr_expect_eq(ept.table.writes, 0);
	cr_assert(ept_lend(&ept, gpa, hpa));
	struct ept_page page = ept_page(&ept, gpa + 0x300);
	cr_expect(page.hpa == hpa && page.size == PAGE_SIZE);
	cr_expect_eq(page.rights, EPT_READ | EPT_WRITE);
	cr_expect_eq(page.type, EPT_WB);
	cr_expect_eq(ept_access(&ept, gpa, EPT_EXECUTE), EPT_NOT_MEMORY);
	ept_take_back(&ept, gpa);
	cr_expect_eq(ept_page(&ept, gpa).rights, 0);
	ept_take_back(&ept, gpa);
	table_rig_free(&rig);
}

/* The costs that records tell: entries written by the first touch, the next, and a repeated one. */
Test(ept, touches_write_as_few_entries_as_there_are_to_write)
{
	static const struct {
		uint64_t page_size, gpa[3], writes[3];
	} rows[] = {
		{PAGE_SIZE, {0, 0x1000, 0x200000}, {4, 1, 2}},
		{PAGE_SIZE_2M, {0, 0x200000, 0x400000}, {3, 1, 1}},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct table_rig rig;
		struct ept ept;

		start(&rig, &ept, rows[i].page_size);
		for (size_t j = 0; j < COUNT(rows[i].gpa); j++) {
			uint64_t written = ept.table.writes;

			cr_assert_eq(ept_access(&ept, rows[i].gpa[j], EPT_READ), EPT_DONE);
			cr_expect_eq(ept.table.writes - written, rows[i].writes[j],
				     "row %zu, touch %zu", i, j);
		}
		table_rig_free(&rig);
	}
}

Test(ept, a_second_touch_of_a_page_changes_nothing)
{
	for (size_t s = 0; s < COUNT(page_sizes); s++) {
		uint64_t before, after, size;
		struct table_rig rig;
		struct ept ept;

		start(&rig, &ept, page_sizes[s]);
		cr_assert_eq(ept_access(&ept, 0x1000, EPT_READ), EPT_DONE);
		cr_assert(page_table_lookup(&ept.table, 0x1000, &before, &size));
		rig.limit = rig.used;
		cr_expect_eq(ept_access(&ept, 0x1fff, EPT_READ), EPT_DONE);
		cr_assert(page_table_lookup(&ept.table, 0x1000, &after, &size));
		cr_expect_eq(before, after);
		table_rig_free(&rig);
	}
}

Test(ept, all_memory_is_mapped_page_by_page)
{
	for (size_t s = 0; s < COUNT(page_sizes); s++) {
		struct table_rig rig;
		struct ept ept;

		start(&rig, &ept, page_sizes[s]);
		for (uint64_t gpa = 0; gpa < MEMORY; gpa += page_sizes[s])
			cr_assert_eq(ept_access(&ept, gpa, EPT_READ), EPT_DONE);
		for (uint64_t gpa = 0; gpa < MEMORY; gpa += PAGE_SIZE) {
			struct translation t = table_rig_walk(&rig, rig.words, gpa);

			cr_assert_eq(t.size, page_sizes[s], "gpa %#lx", gpa);
			cr_assert_eq(t.frame, BASE + gpa, "gpa %#lx", gpa);
		}
		cr_expect_not(table_rig_walk(&rig, rig.words, MEMORY).size);
		table_rig_free(&rig);
	}
}

Test(ept, tells_when_no_table_is_left)
{
	static const struct {
		uint64_t page_size;
		size_t needed;
	} rows[] = {{PAGE_SIZE, 3}, {PAGE_SIZE_2M, 2}};

	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t left = 0; left <= rows[i].needed; left++) {
			struct table_rig rig;
			struct ept ept;

			start(&rig, &ept, rows[i].page_size);
			rig.limit = rig.used + left;
			cr_expect_eq(ept_access(&ept, 0, EPT_READ),
				     left < rows[i].needed ? EPT_NO_TABLES : EPT_DONE);
			rig.limit = SIZE_MAX;
			cr_expect_eq(ept_access(&ept, 0, EPT_READ), EPT_DONE, "with memory again");
			table_rig_free(&rig);
		}
}

/* SDM volume 3, 29.3.7. */
Test(ept, memory_types_are_those_of_the_architecture)
{
	cr_expect_eq(EPT_UC, 0);
	cr_expect_eq(EPT_WC, 1);
	cr_expect_eq(EPT_WT, 4);
	cr_expect_eq(EPT_WP, 5);
	cr_expect_eq(EPT_WB, 6);
}
