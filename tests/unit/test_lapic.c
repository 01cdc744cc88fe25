#include <criterion/criterion.h>

#include "l1vmm/arch/msr.h"
#include "l1vmm/dev/lapic.h"
#include "tests/unit/lapic_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define BASE	0xfee00000u
#define XAPIC	APIC_BASE_ENABLE
#define X2APIC	(APIC_BASE_ENABLE | APIC_BASE_X2APIC)
#define INVALID APIC_BASE_X2APIC

#define ENABLED (1u << 8) /* in SVR */
#define MASKED	(1u << 16)

Test(lapic, starts_in_xapic_mode_and_disabled_by_software)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
	} rows[] = {
		{MSR_X2APIC_APICID, 0},
		{MSR_X2APIC_VERSION, 0x50014},
		{MSR_X2APIC_TPR, 0},
		{MSR_X2APIC_PPR, 0},
		{MSR_X2APIC_SIVR, 0xff},
		{MSR_X2APIC_ESR, 0},
		{MSR_X2APIC_ICR, 0},
		{MSR_X2APIC_LVT_TIMER, MASKED},
		{MSR_X2APIC_LVT_THERMAL, MASKED},
		{MSR_X2APIC_LVT_PMI, MASKED},
		{MSR_X2APIC_LVT_LINT0, MASKED},
		{MSR_X2APIC_LVT_LINT1, MASKED},
		{MSR_X2APIC_LVT_ERROR, MASKED},
		{MSR_X2APIC_INIT_COUNT, 0},
		{MSR_X2APIC_CURRENT_COUNT, 0},
		{MSR_X2APIC_DIV_CONF, 0},
	};
	struct lapic_rig rig;

	lapic_power_up(&rig, 0);
	cr_expect_eq(rig.apic.base, BASE | XAPIC | APIC_BASE_BSP);
	cr_expect_eq(lapic_pending(&rig.apic), -1);
	cr_assert_eq(lapic_write_base(&rig.apic, rig.apic.base | X2APIC), LAPIC_OK);
	for (size_t i = 0; i < COUNT(rows); i++)
		cr_expect_eq(lapic_get(&rig, rows[i].msr), rows[i].value, "MSR %#x", rows[i].msr);
	lapic_power_up(&rig, 1);
	cr_expect_eq(rig.apic.base, BASE | XAPIC, "only number 0 is the boot processor");
}

/* SDM volume 3, 11.12.10.2: cluster and bit follow from the ID. */
Test(lapic, the_logical_id_follows_from_the_id)
{
	static const struct {
		uint32_t id;
		uint64_t logical;
	} rows[] = {{0, 0x1},	     {1, 0x2},	     {15, 0x8000},	   {16, 0x10001},
		    {0x2a, 0x20400}, {255, 0xf8000}, {0xfffff, 0xffff8000}};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lapic_rig rig;

		lapic_start(&rig, rows[i].id);
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_APICID), rows[i].id);
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_LDR), rows[i].logical, "ID %#x",
			     rows[i].id);
	}
}

/* Which bits WRMSR takes (SDM volume 3, table 11-6) and which of them it keeps; 0: no such MSR. */
struct msr_row {
	uint32_t first, last;
	bool readable, writable;
	uint64_t taken, kept;
};

static const struct msr_row msr_rows[] = {
	{MSR_X2APIC_APICID, MSR_X2APIC_VERSION, true, false, 0, 0},
	{MSR_X2APIC_TPR, MSR_X2APIC_TPR, true, true, 0xff, 0xff},
	{MSR_X2APIC_PPR, MSR_X2APIC_PPR, true, false, 0, 0},
	{MSR_X2APIC_EOI, MSR_X2APIC_EOI, false, true, 0, 0},
	{MSR_X2APIC_LDR, MSR_X2APIC_LDR, true, false, 0, 0},
	{MSR_X2APIC_SIVR, MSR_X2APIC_SIVR, true, true, 0x1ff, 0x1ff},
	{MSR_X2APIC_ISR0, MSR_X2APIC_ISR0 + 7, true, false, 0, 0},
	{MSR_X2APIC_TMR0, MSR_X2APIC_TMR0 + 7, true, false, 0, 0},
	{MSR_X2APIC_IRR0, MSR_X2APIC_IRR0 + 7, true, false, 0, 0},
	{MSR_X2APIC_ESR, MSR_X2APIC_ESR, true, true, 0, 0},
	{MSR_X2APIC_ICR, MSR_X2APIC_ICR, true, true, 0xffffffff000cdfff, 0xffffffff000ccfff},
	{MSR_X2APIC_LVT_TIMER, MSR_X2APIC_LVT_TIMER, true, true, 0x710ff, 0x700ff},
	{MSR_X2APIC_LVT_THERMAL, MSR_X2APIC_LVT_PMI, true, true, 0x117ff, 0x107ff},
	{MSR_X2APIC_LVT_LINT0, MSR_X2APIC_LVT_LINT1, true, true, 0x1f7ff, 0x1a7ff},
	{MSR_X2APIC_LVT_ERROR, MSR_X2APIC_LVT_ERROR, true, true, 0x110ff, 0x100ff},
	{MSR_X2APIC_INIT_COUNT, MSR_X2APIC_INIT_COUNT, true, true, 0xffffffff, 0xffffffff},
	{MSR_X2APIC_CURRENT_COUNT, MSR_X2APIC_CURRENT_COUNT, true, false, 0, 0},
	{MSR_X2APIC_DIV_CONF, MSR_X2APIC_DIV_CONF, true, true, 0xb, 0xb},
	{MSR_X2APIC_SELF_IPI, MSR_X2APIC_SELF_IPI, false, true, 0xff, 0},
};

static const struct msr_row *find_row(uint32_t msr)
{
	static const struct msr_row none;

	for (size_t i = 0; i < COUNT(msr_rows); i++)
		if (msr >= msr_rows[i].first && msr <= msr_rows[i].last)
			return &msr_rows[i];
	return &none;
}

Test(lapic, registers_are_those_of_x2apic_mode)
{
	for (uint32_t msr = MSR_X2APIC_FIRST - 1; msr <= MSR_X2APIC_LAST + 1; msr++) {
		const struct msr_row *row = find_row(msr);
		struct lapic_rig rig;
		uint64_t value;

		lapic_start(&rig, 0);
		cr_expect_eq(lapic_read_msr(&rig.apic, msr, &value) == LAPIC_OK, row->readable,
			     "RDMSR %#x", msr);
		cr_expect_eq(lapic_write_msr(&rig.apic, msr, 0) == LAPIC_OK, row->writable,
			     "WRMSR %#x", msr);
	}
}

Test(lapic, each_bit_is_writable_read_only_or_reserved)
{
	for (uint32_t msr = MSR_X2APIC_FIRST; msr <= MSR_X2APIC_LAST; msr++) {
		const struct msr_row *row = find_row(msr);

		for (unsigned bit = 0; bit < 64; bit++) {
			uint64_t value = UINT64_C(1) << bit;
			struct lapic_rig rig;

			lapic_start(&rig, 0);
			cr_expect_eq(lapic_write_msr(&rig.apic, msr, value) == LAPIC_OK,
				     (row->taken & value) != 0, "WRMSR %#x, bit %u", msr, bit);
			if ((row->taken & value) && row->readable)
				cr_expect_eq(lapic_get(&rig, msr), row->kept & value,
					     "MSR %#x, bit %u", msr, bit);
		}
	}
}

Test(lapic, what_faults_changes_nothing)
{
	for (uint32_t msr = MSR_X2APIC_FIRST; msr <= MSR_X2APIC_LAST; msr++) {
		struct lapic_rig rig, before;

		lapic_start(&rig, 0);
		lapic_put(&rig, MSR_X2APIC_SELF_IPI, 0x40);
		lapic_accept(&rig.apic, 0x40);
		lapic_copy(&before, &rig);
		cr_expect_eq(lapic_write_msr(&rig.apic, msr, ~find_row(msr)->taken), LAPIC_FAULT,
			     "WRMSR %#x", msr);
		cr_expect(lapic_same(&rig, &before), "WRMSR %#x", msr);
	}
}

Test(lapic, has_no_msrs_outside_of_x2apic_mode)
{
	static const uint64_t modes[] = {XAPIC, 0};

	for (size_t i = 0; i < COUNT(modes); i++) {
		struct lapic_rig rig;
		uint64_t value;

		lapic_power_up(&rig, 1);
		cr_assert_eq(lapic_write_base(&rig.apic, BASE | modes[i]), LAPIC_OK);
		for (uint32_t msr = MSR_X2APIC_FIRST; msr <= MSR_X2APIC_LAST; msr++) {
			cr_expect_eq(lapic_read_msr(&rig.apic, msr, &value), LAPIC_FAULT, "%#x",
				     msr);
			cr_expect_eq(lapic_write_msr(&rig.apic, msr, 0), LAPIC_FAULT, "%#x", msr);
		}
	}
}

/*
 * All transitions (SDM volume 3, 11.12.5) from the three states that can be reached.  The fourth
 * cannot: every way to it faults.
 */
Test(lapic, changes_mode_along_the_legal_ways_only)
{
	static const struct {
		uint64_t from, to;
		enum lapic_result result;
	} rows[] = {
		{0, 0, LAPIC_OK},	    {0, XAPIC, LAPIC_OK},
		{0, X2APIC, LAPIC_FAULT},   {0, INVALID, LAPIC_FAULT},
		{XAPIC, 0, LAPIC_OK},	    {XAPIC, XAPIC, LAPIC_OK},
		{XAPIC, X2APIC, LAPIC_OK},  {XAPIC, INVALID, LAPIC_FAULT},
		{X2APIC, 0, LAPIC_OK},	    {X2APIC, XAPIC, LAPIC_FAULT},
		{X2APIC, X2APIC, LAPIC_OK}, {X2APIC, INVALID, LAPIC_FAULT},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lapic_rig rig;

		lapic_power_up(&rig, 0);
		cr_assert_eq(lapic_write_base(&rig.apic, BASE | APIC_BASE_BSP | rows[i].from),
			     LAPIC_OK);
		cr_expect_eq(lapic_write_base(&rig.apic, BASE | APIC_BASE_BSP | rows[i].to),
			     rows[i].result, "%#lx to %#lx", rows[i].from, rows[i].to);
		cr_expect_eq(rig.apic.base,
			     BASE | APIC_BASE_BSP |
				     (rows[i].result == LAPIC_OK ? rows[i].to : rows[i].from));
	}
}

Test(lapic, can_be_moved_where_the_processor_has_addresses)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t value = (BASE | XAPIC) ^ UINT64_C(1) << bit;
		bool movable = bit >= 12 && bit < LAPIC_RIG_PHYSICAL_BITS;
		struct lapic_rig rig;

		if (value == (BASE | X2APIC) || value == BASE) /* a change of mode */
			continue;
		lapic_power_up(&rig, 1);
		if ((UINT64_C(1) << bit) == APIC_BASE_X2APIC)
			continue;
		cr_expect_eq(lapic_write_base(&rig.apic, value) == LAPIC_OK, movable, "bit %u",
			     bit);
		cr_expect_eq(rig.apic.base, movable ? value : (BASE | XAPIC), "bit %u", bit);
		cr_expect_eq(lapic_at(&rig.apic, BASE + 0xfff), !movable, "bit %u", bit);
		cr_expect_eq(lapic_at(&rig.apic, value & ~UINT64_C(0xfff)), movable || bit < 12,
			     "bit %u", bit);
	}
}

Test(lapic, forgets_all_but_its_id_when_it_is_disabled)
{
	struct lapic_rig rig, fresh;

	lapic_start(&rig, 5);
	lapic_put(&rig, MSR_X2APIC_SELF_IPI, 0x40);
	lapic_put(&rig, MSR_X2APIC_SELF_IPI, 0x80);
	lapic_accept(&rig.apic, 0x80);
	lapic_put(&rig, MSR_X2APIC_SELF_IPI, 0);
	lapic_put(&rig, MSR_X2APIC_TPR, 0x10);
	lapic_put(&rig, MSR_X2APIC_LVT_LINT0, 0x700);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 1000);
	lapic_put(&rig, MSR_X2APIC_DIV_CONF, 0xb);
	cr_assert_eq(lapic_write_base(&rig.apic, BASE), LAPIC_OK);
	cr_expect_eq(lapic_pending(&rig.apic), -1);
	cr_assert_eq(lapic_write_base(&rig.apic, BASE | XAPIC), LAPIC_OK);
	lapic_power_up(&fresh, 5);
	cr_expect(lapic_same(&rig, &fresh));
}

Test(lapic, keeps_its_state_on_the_way_to_x2apic_mode)
{
	struct lapic_rig rig, before;

	lapic_power_up(&rig, 0);
	cr_assert_eq(lapic_write_cr8(&rig.apic, 7), LAPIC_OK);
	lapic_copy(&before, &rig);
	cr_assert_eq(lapic_write_base(&rig.apic, rig.apic.base | X2APIC), LAPIC_OK);
	before.apic.base = rig.apic.base;
	before.page.words[LAPIC_LDR / 4] = 1;
	cr_expect(lapic_same(&rig, &before), "but for the logical ID, which follows from the ID");
}
