#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/page_table.h"
#include "l1vmm/vmx/ept.h"
#include "tests/unit/table_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define K4 UINT64_C(0x1000)
#define M2 UINT64_C(0x200000)
#define G1 UINT64_C(0x40000000)

#define ADDRESS_END (UINT64_C(1) << 48)
#define FRAME_END   (UINT64_C(1) << 52)
#define TABLES	    16

#define EPT_RWX_WB (EPT_RWX | EPT_WB << 3)

static const uint64_t sizes[] = {K4, M2, G1};

/* Each format, with bits of an entry that test all there is beside the frame. */
static const struct {
	const struct page_table_format *format;
	uint64_t bits;
} formats[] = {
	{&page_table_host, PTE_P},	{&page_table_host, PTE_P | PTE_RW | PTE_G | PTE_NX},
	{&page_table_ept, EPT_RWX_WB},	{&page_table_ept, EPT_READ | BIT(63)},
	{&page_table_ept, EPT_EXECUTE},
};

static enum page_table_result map(struct table_rig *rig, uint64_t address, uint64_t frame,
				  uint64_t size, uint64_t bits)
{
	return page_table_map(&rig->pt, address, frame, size, bits);
}

static void expect_unmapped(const struct table_rig *rig, uint64_t address)
{
	uint64_t entry, size;

	cr_expect_not(page_table_lookup(&rig->pt, address, &entry, &size), "%#lx", address);
	cr_expect_not(table_rig_walk(rig, rig->words, address).size, "%#lx", address);
}

/* The page and nothing beside it is mapped. */
static void expect_page(const struct table_rig *rig, uint64_t address, uint64_t entry,
			uint64_t size)
{
	const uint64_t within[] = {address, address + size / 2, address + size - 1};
	uint64_t got_entry, got_size;

	for (size_t i = 0; i < COUNT(within); i++) {
		cr_assert(page_table_lookup(&rig->pt, within[i], &got_entry, &got_size), "%#lx",
			  within[i]);
		cr_expect_eq(got_entry, entry, "%#lx: %#lx, not %#lx", within[i], got_entry, entry);
		cr_expect_eq(got_size, size, "%#lx", within[i]);
		cr_expect_eq(table_rig_walk(rig, rig->words, within[i]).frame,
			     (entry & PTE_ADDR_MASK) + ((within[i] - address) & -K4));
	}
	if (address)
		expect_unmapped(rig, address - 1);
	if (address + size < ADDRESS_END)
		expect_unmapped(rig, address + size);
}

Test(page_table, maps_one_page_of_each_size_at_each_end)
{
	for (size_t f = 0; f < COUNT(formats); f++)
		for (size_t s = 0; s < COUNT(sizes); s++) {
			uint64_t size = sizes[s];
			const uint64_t addresses[] = {0, size, 511 * size, ADDRESS_END - size};
			const uint64_t frames[] = {0, size, FRAME_END - size};

			for (size_t i = 0; i < COUNT(addresses) * COUNT(frames); i++) {
				uint64_t address = addresses[i % COUNT(addresses)];
				uint64_t frame = frames[i / COUNT(addresses)];
				uint64_t entry = frame | formats[f].bits | (size > K4 ? PTE_PS : 0);
				struct table_rig rig;

				table_rig_init(&rig, formats[f].format, TABLES);
				cr_assert_eq(map(&rig, address, frame, size, formats[f].bits),
					     PAGE_TABLE_OK);
				expect_page(&rig, address, entry, size);
				cr_expect_eq(rig.used, 4 - s, "one table a level");
				cr_expect_eq(rig.pt.writes, 4 - s, "one entry a level");
				cr_expect_eq(page_table_unmap(&rig.pt, address, size),
					     PAGE_TABLE_OK);
				expect_unmapped(&rig, address);
				cr_expect_eq(rig.pt.writes, 5 - s);
				table_rig_free(&rig);
			}
		}
}

Test(page_table, keeps_bit_7_of_a_4_KB_entry)
{
	struct table_rig rig;

	table_rig_init(&rig, &page_table_host, TABLES);
	cr_assert_eq(map(&rig, K4, K4, K4, PTE_P | PTE_PAT), PAGE_TABLE_OK);
	expect_page(&rig, K4, K4 | PTE_P | PTE_PAT, K4);
	table_rig_free(&rig);
}

Test(page_table, refuses_bad_addresses_and_sizes)
{
	static const struct {
		uint64_t address, frame, size;
		enum page_table_result mapped, unmapped;
	} rows[] = {
		{0, 0, 0, PAGE_TABLE_BAD_SIZE, PAGE_TABLE_BAD_SIZE},
		{0, 0, 1, PAGE_TABLE_BAD_SIZE, PAGE_TABLE_BAD_SIZE},
		{0, 0, K4 / 2, PAGE_TABLE_BAD_SIZE, PAGE_TABLE_BAD_SIZE},
		{0, 0, K4 + 1, PAGE_TABLE_BAD_SIZE, PAGE_TABLE_BAD_SIZE},
		{0, 0, 2 * K4, PAGE_TABLE_BAD_SIZE, PAGE_TABLE_BAD_SIZE},
		{0, 0, M2 * 2, PAGE_TABLE_BAD_SIZE, PAGE_TABLE_BAD_SIZE},
		{0, 0, G1 * 512, PAGE_TABLE_BAD_SIZE, PAGE_TABLE_BAD_SIZE},
		{0, 0, UINT64_MAX, PAGE_TABLE_BAD_SIZE, PAGE_TABLE_BAD_SIZE},
		{1, 0, K4, PAGE_TABLE_UNALIGNED, PAGE_TABLE_UNALIGNED},
		{K4 / 2, 0, K4, PAGE_TABLE_UNALIGNED, PAGE_TABLE_UNALIGNED},
		{K4, 0, M2, PAGE_TABLE_UNALIGNED, PAGE_TABLE_UNALIGNED},
		{M2 / 2, 0, M2, PAGE_TABLE_UNALIGNED, PAGE_TABLE_UNALIGNED},
		{M2, 0, G1, PAGE_TABLE_UNALIGNED, PAGE_TABLE_UNALIGNED},
		{G1 / 2, 0, G1, PAGE_TABLE_UNALIGNED, PAGE_TABLE_UNALIGNED},
		{0, 1, K4, PAGE_TABLE_UNALIGNED, PAGE_TABLE_OK},
		{0, K4, M2, PAGE_TABLE_UNALIGNED, PAGE_TABLE_OK},
		{0, M2, G1, PAGE_TABLE_UNALIGNED, PAGE_TABLE_OK},
		{ADDRESS_END, 0, K4, PAGE_TABLE_TOO_HIGH, PAGE_TABLE_TOO_HIGH},
		{ADDRESS_END, 0, G1, PAGE_TABLE_TOO_HIGH, PAGE_TABLE_TOO_HIGH},
		{-K4, 0, K4, PAGE_TABLE_TOO_HIGH, PAGE_TABLE_TOO_HIGH},
		{-G1, 0, G1, PAGE_TABLE_TOO_HIGH, PAGE_TABLE_TOO_HIGH},
		{0, FRAME_END, K4, PAGE_TABLE_TOO_HIGH, PAGE_TABLE_OK},
		{0, -M2, M2, PAGE_TABLE_TOO_HIGH, PAGE_TABLE_OK},
		{0, -G1, G1, PAGE_TABLE_TOO_HIGH, PAGE_TABLE_OK},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct table_rig rig;

		table_rig_init(&rig, &page_table_host, TABLES);
		cr_expect_eq(map(&rig, rows[i].address, rows[i].frame, rows[i].size, PTE_P),
			     rows[i].mapped, "row %zu", i);
		cr_expect_eq(page_table_unmap(&rig.pt, rows[i].address, rows[i].size),
			     rows[i].unmapped, "row %zu", i);
		cr_expect_eq(rig.used, 1, "row %zu", i);
		cr_expect_eq(rig.pt.writes, 0, "row %zu", i);
		table_rig_free(&rig);
	}
}

Test(page_table, nothing_is_mapped_above_48_bits)
{
	struct table_rig rig;
	uint64_t entry = 1, size;

	table_rig_init(&rig, &page_table_host, TABLES);
	cr_assert_eq(map(&rig, 0, 0, G1, PTE_P), PAGE_TABLE_OK);
	cr_expect_not(page_table_lookup(&rig.pt, ADDRESS_END, &entry, &size));
	cr_expect_eq(entry, 0);
	cr_expect_not(page_table_lookup(&rig.pt, UINT64_MAX << 48, &entry, &size));
	table_rig_free(&rig);
}

Test(page_table, a_lookup_that_fails_tells_the_entry_that_ended_it)
{
	struct table_rig rig;
	uint64_t entry, size;

	table_rig_init(&rig, &page_table_ept, TABLES);
	cr_assert_eq(map(&rig, 0, K4, K4, EPT_RWX_WB), PAGE_TABLE_OK);
	rig.words[UINT64_C(3) * 512] &=
		~EPT_RWX; /* the lowest table's first entry: a frame without rights */
	cr_expect_not(page_table_lookup(&rig.pt, 0, &entry, &size));
	cr_expect_eq(entry, K4 | EPT_WB << 3);
	table_rig_free(&rig);
}

Test(page_table, a_page_replaces_a_page_of_its_size)
{
	for (size_t s = 0; s < COUNT(sizes); s++) {
		uint64_t page = sizes[s] > K4 ? PTE_PS : 0;
		struct table_rig rig;

		table_rig_init(&rig, &page_table_host, TABLES);
		cr_assert_eq(map(&rig, sizes[s], 0, sizes[s], PTE_P | PTE_RW), PAGE_TABLE_OK);
		cr_assert_eq(map(&rig, sizes[s], sizes[s], sizes[s], PTE_P | PTE_NX),
			     PAGE_TABLE_OK);
		expect_page(&rig, sizes[s], sizes[s] | PTE_P | PTE_NX | page, sizes[s]);
		cr_expect_eq(rig.pt.writes, 5 - s);
		table_rig_free(&rig);
	}
}

/* Also when all pages of the table are gone again. */
Test(page_table, a_page_in_place_of_a_table_is_refused)
{
	static const struct {
		uint64_t large, small;
	} rows[] = {{M2, K4}, {G1, M2}, {G1, K4}};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct table_rig rig;

		table_rig_init(&rig, &page_table_host, TABLES);
		cr_assert_eq(map(&rig, G1, 0, rows[i].small, PTE_P), PAGE_TABLE_OK);
		cr_expect_eq(map(&rig, G1, 0, rows[i].large, PTE_P), PAGE_TABLE_OCCUPIED);
		cr_expect_eq(page_table_unmap(&rig.pt, G1, rows[i].large), PAGE_TABLE_OCCUPIED);
		expect_page(&rig, G1, PTE_P | (rows[i].small > K4 ? PTE_PS : 0), rows[i].small);
		cr_assert_eq(page_table_unmap(&rig.pt, G1, rows[i].small), PAGE_TABLE_OK);
		cr_expect_eq(map(&rig, G1, 0, rows[i].large, PTE_P), PAGE_TABLE_OCCUPIED);
		expect_unmapped(&rig, G1);
		table_rig_free(&rig);
	}
}

Test(page_table, unmapping_what_is_not_mapped_takes_no_memory)
{
	for (size_t s = 0; s < COUNT(sizes); s++) {
		struct table_rig rig;

		table_rig_init(&rig, &page_table_ept, TABLES);
		rig.limit = rig.used;
		cr_expect_eq(page_table_unmap(&rig.pt, G1, sizes[s]), PAGE_TABLE_OK);
		cr_expect_eq(rig.pt.writes, 0);
		table_rig_free(&rig);
	}
}

Test(page_table, needs_memory_for_its_root)
{
	struct table_rig rig;

	table_rig_init(&rig, &page_table_host, TABLES);
	rig.limit = rig.used;
	cr_expect_not(page_table_init(&rig.pt, &page_table_host, &rig.memory));
	table_rig_free(&rig);
}
