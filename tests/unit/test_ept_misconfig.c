/* What makes an EPT entry misconfigured, and which one it is. */
#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/ept_misconfig.h"
#include "tests/unit/ept_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define WB   (UINT64_C(6) << 3)
#define LEAF BIT(7)

/* Execute-only entries, pages of 2 MB and of 1 GB; 40 bits of addresses. */
static const struct ept_processor all = {.capabilities = BIT(0) | BIT(16) | BIT(17),
					 .physical_bits = 40};
static const struct ept_processor none = {.capabilities = 0, .physical_bits = 40};

/* SDM volume 3, 29.3.3.1, condition by condition; `lack` also where the processor lacks the rest.
 */
static const struct {
	uint64_t entry;
	unsigned level;
	const char *why, *lack;
} rows[] = {
	{0, 4, NULL, NULL},
	/* Nothing of an entry that is not present counts. */
	{~EPT_RWX, 1, NULL, NULL},
	{EPT_RWX, 4, NULL, NULL},
	{EPT_RWX, 3, NULL, NULL},
	{EPT_RWX, 2, NULL, NULL},
	{EPT_RWX | WB, 1, NULL, NULL},
	{EPT_READ | WB, 1, NULL, NULL},
	{EPT_READ | EPT_EXECUTE | WB, 1, NULL, NULL},
	{EPT_WRITE | WB, 1, "without reading", "without reading"},
	{EPT_WRITE | EPT_EXECUTE | WB, 1, "without reading", "without reading"},
	{EPT_WRITE, 4, "without reading", "without reading"},
	{EPT_EXECUTE | WB, 1, NULL, "execution only"},
	{EPT_EXECUTE, 3, NULL, "execution only"},
	{EPT_RWX | WB | LEAF, 2, NULL, "of a size"},
	{EPT_RWX | WB | LEAF, 3, NULL, "of a size"},
	{EPT_RWX | LEAF, 4, "reserved bit", "reserved bit"},
	{EPT_RWX | BIT(3), 4, "reserved bit", "reserved bit"},
	{EPT_RWX | BIT(6), 4, "reserved bit", "reserved bit"},
	{EPT_RWX | BIT(3), 3, "reserved bit", "reserved bit"},
	{EPT_RWX | BIT(6), 2, "reserved bit", "reserved bit"},
	{EPT_RWX | WB | LEAF | BIT(12), 2, "reserved bit", "of a size"},
	{EPT_RWX | WB | LEAF | BIT(20), 2, "reserved bit", "of a size"},
	{EPT_RWX | WB | LEAF | BIT(21), 2, NULL, "of a size"},
	{EPT_RWX | WB | LEAF | BIT(29), 3, "reserved bit", "of a size"},
	{EPT_RWX | WB | LEAF | BIT(30), 3, NULL, "of a size"},
	{EPT_RWX | WB | BIT(39), 1, NULL, NULL},
	{EPT_RWX | WB | BIT(40), 1, "beyond", "beyond"},
	{EPT_RWX | BIT(51), 3, "beyond", "beyond"},
	{EPT_RWX | WB | BIT(52), 1, NULL, NULL},
	{EPT_RWX | UINT64_C(2) << 3, 1, "memory type", "memory type"},
	{EPT_RWX | UINT64_C(3) << 3, 1, "memory type", "memory type"},
	{EPT_RWX | UINT64_C(7) << 3, 1, "memory type", "memory type"},
	{EPT_RWX | UINT64_C(7) << 3 | LEAF, 2, "memory type", "of a size"},
	{EPT_RWX | UINT64_C(0) << 3, 1, NULL, NULL},
	{EPT_RWX | UINT64_C(1) << 3, 1, NULL, NULL},
	{EPT_RWX | UINT64_C(4) << 3, 1, NULL, NULL},
	{EPT_RWX | UINT64_C(5) << 3, 1, NULL, NULL},
	/* Accessed, dirty, what software may use. */
	{EPT_RWX | WB | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11), 1, NULL, NULL},
	{EPT_RWX | BIT(8), 4, NULL, NULL},
};

static void expect_why(const char *found, const char *wanted, size_t row)
{
	cr_expect_eq(!found, !wanted, "row %zu: %s", row, found ? found : "nothing");
	if (found && wanted)
		cr_expect_not_null(strstr(found, wanted), "row %zu: %s", row, found);
}

Test(ept_misconfig, each_condition_is_named)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		expect_why(ept_misconfiguration(rows[i].entry, rows[i].level, &all), rows[i].why,
			   i);
		expect_why(ept_misconfiguration(rows[i].entry, rows[i].level, &none), rows[i].lack,
			   i);
	}
}

static uint64_t *entry_of(const struct ept_rig *rig, uint64_t gpa, unsigned wanted)
{
	const struct page_table_memory *memory = &rig->tables.memory;
	uint64_t hpa = rig->ept.table.root;

	for (unsigned level = 4;; level--) {
		uint64_t *entry =
			&memory->table(memory->ctx, hpa)[gpa >> (12 + 9 * (level - 1)) & 511];

		if (level == wanted)
			return entry;
		hpa = *entry & PTE_ADDR_MASK;
	}
}

/* The tables of a rig lie high. */
static const struct ept_processor wide = {.capabilities = BIT(16) | BIT(17), .physical_bits = 52};

Test(ept_misconfig, the_first_entry_on_the_way_is_found)
{
	static struct ept_rig rig;
	const uint64_t gpa = ept_rig_gpa(7);

	for (unsigned level = 1; level <= 4; level++) {
		struct ept_fault fault;

		ept_rig_init(&rig, ept_rig_config(PAGE_SIZE));
		cr_assert_eq(ept_rig_access(&rig, 1, 7, EPT_READ), EPT_DONE);
		fault = ept_find_misconfiguration(&rig.ept, gpa, &wide);
		cr_expect_null(fault.why);
		cr_expect_eq(fault.level, 1);
		*entry_of(&rig, gpa, level) &= ~EPT_READ;
		fault = ept_find_misconfiguration(&rig.ept, gpa, &wide);
		expect_why(fault.why, "without reading", level);
		cr_expect_eq(fault.level, level);
		cr_expect_eq(fault.entry, *entry_of(&rig, gpa, level));
		ept_rig_free(&rig);
	}
}

/* Nothing that ept.c writes is misconfigured, whatever it is asked for. */
Test(ept_misconfig, no_entry_of_ours_is)
{
	static struct ept_rig rig;
	static const uint64_t sizes[] = {PAGE_SIZE, PAGE_SIZE_2M, PAGE_SIZE_1G};
	static const enum ept_memory_type types[] = {EPT_UC, EPT_WC, EPT_WT, EPT_WP, EPT_WB};

	for (size_t s = 0; s < COUNT(sizes); s++)
		for (size_t t = 0; t < COUNT(types); t++) {
			ept_rig_init(&rig, ept_rig_config(sizes[s]));
			for (unsigned page = 0; page < EPT_RIG_PAGES; page += 2)
				cr_assert_eq(ept_rig_access(&rig, 0, page, EPT_WRITE), EPT_DONE);
			cr_assert_eq(ept_set_type(&rig.ept, ept_rig_gpa(3), PAGE_SIZE, types[t]),
				     EPT_DONE);
			cr_assert_eq(ept_protect(&rig.ept, ept_rig_gpa(4), PAGE_SIZE, EPT_READ,
						 EPT_EXECUTE),
				     EPT_DONE);
			for (unsigned page = 0; page < EPT_RIG_PAGES; page++)
				cr_expect_null(ept_find_misconfiguration(&rig.ept,
									 ept_rig_gpa(page), &wide)
						       .why);
			ept_rig_free(&rig);
		}
}
