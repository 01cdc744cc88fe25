/* The local APIC in xAPIC mode: registers in a page, and what is no register. */
#include <criterion/criterion.h>

#include "tests/unit/lapic_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ESR_ILLEGAL_REGISTER 0x80u
#define MASKED		     0x10000u

static uint32_t get(struct lapic_rig *rig, uint32_t offset)
{
	return lapic_read_page(&rig->apic, offset);
}

static void put(struct lapic_rig *rig, uint32_t offset, uint32_t value)
{
	lapic_write_page(&rig->apic, offset, value);
}

static uint32_t errors(struct lapic_rig *rig)
{
	put(rig, LAPIC_ESR, 0);
	return get(rig, LAPIC_ESR);
}

/* In xAPIC mode, enabled by software. */
static void start(struct lapic_rig *rig, uint32_t id)
{
	lapic_power_up(rig, id);
	put(rig, LAPIC_SVR, 0x1ff);
}

/* SDM volume 3, 11.4.7.1 and the figures of chapter 11: what each register takes. */
struct page_row {
	uint32_t first, last, at_start, writable;
};

static const struct page_row rows[] = {
	{0x020, 0x020, 0x05000000, 0},
	{0x030, 0x030, 0x50014, 0},
	{0x080, 0x080, 0, 0xff},
	{0x0a0, 0x0a0, 0, 0},
	{0x0b0, 0x0b0, 0, 0},
	{0x0d0, 0x0d0, 0, 0xff000000},
	{0x0e0, 0x0e0, 0xffffffff, 0xf0000000},
	{0x0f0, 0x0f0, 0x1ff, 0x1ff},
	{0x100, 0x270, 0, 0},
	{0x280, 0x280, 0, 0},
	{0x300, 0x300, 0, 0xccfff},
	{0x310, 0x310, 0, 0xff000000},
	{0x320, 0x320, MASKED, 0x700ff},
	{0x330, 0x340, MASKED, 0x107ff},
	{0x350, 0x360, MASKED, 0x1a7ff},
	{0x370, 0x370, MASKED, 0x100ff},
	{0x380, 0x380, 0, 0xffffffff},
	{0x390, 0x390, 0, 0},
	{0x3e0, 0x3e0, 0, 0xb},
};

static const struct page_row *find_row(uint32_t offset)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (offset >= rows[i].first && offset <= rows[i].last)
			return &rows[i];
	return NULL;
}

Test(lapic_page, holds_the_registers_of_xapic_mode_and_errors_between_them)
{
	for (uint32_t offset = 0; offset < LAPIC_PAGE_BYTES; offset += 16) {
		const struct page_row *row = find_row(offset);
		struct lapic_rig rig;

		start(&rig, 5);
		cr_expect_eq(get(&rig, offset), row ? row->at_start : 0, "%#x", offset);
		cr_expect_eq(errors(&rig), row ? 0 : ESR_ILLEGAL_REGISTER, "read of %#x", offset);
		put(&rig, offset, offset == LAPIC_ICR ? 0x40 : 0);
		cr_expect_eq(errors(&rig), row ? 0 : ESR_ILLEGAL_REGISTER, "write of %#x", offset);
	}
}

Test(lapic_page, ignores_bits_that_a_register_does_not_have)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (unsigned bit = 0; bit < 32; bit++) {
			uint32_t value = 1u << bit;
			uint32_t kept = value & rows[i].writable;
			struct lapic_rig rig;

			start(&rig, 5);
			put(&rig, rows[i].first, 0);
			put(&rig, rows[i].first, value);
			if (rows[i].first == LAPIC_SVR && value != 0x100) /* disabled again */
				start(&rig, 5), put(&rig, LAPIC_SVR, value | 0x100), kept |= 0x100;
			if (rows[i].first == LAPIC_DFR)
				kept |= 0x0fffffff;
			if (rows[i].first == LAPIC_CURRENT_COUNT)
				continue;
			if (!rows[i].writable)
				kept = rows[i].at_start;
			cr_expect_eq(get(&rig, rows[i].first), kept, "%#x, bit %u", rows[i].first,
				     bit);
		}
	}
}

Test(lapic_page, has_nothing_at_what_is_no_multiple_of_16)
{
	struct lapic_rig rig, before;

	start(&rig, 5);
	put(&rig, LAPIC_TPR, 0x50);
	lapic_copy(&before, &rig);
	for (uint32_t offset = 0; offset < LAPIC_PAGE_BYTES; offset++) {
		if (offset % 16 == 0)
			continue;
		put(&rig, offset, 0xffffffff);
		cr_expect_eq(get(&rig, offset), 0, "%#x", offset);
	}
	cr_expect(lapic_same(&rig, &before));
}

Test(lapic_page, does_not_answer_outside_of_xapic_mode)
{
	static const uint64_t modes[] = {APIC_BASE_ENABLE | APIC_BASE_X2APIC, 0};

	for (size_t i = 0; i < COUNT(modes); i++) {
		struct lapic_rig rig, before;

		start(&rig, 1);
		cr_assert_eq(lapic_write_base(&rig.apic, LAPIC_BASE_AT_RESET | modes[i]), LAPIC_OK);
		lapic_copy(&before, &rig);
		for (uint32_t offset = 0; offset < LAPIC_PAGE_BYTES; offset += 16) {
			cr_expect_eq(get(&rig, offset), 0xffffffff, "%#x", offset);
			put(&rig, offset, 0xffffffff);
		}
		cr_expect(lapic_same(&rig, &before), "mode %#lx", modes[i]);
	}
}

Test(lapic_page, serves_interrupts_as_the_msrs_do)
{
	struct lapic_rig rig;

	start(&rig, 5);
	put(&rig, LAPIC_ICR_HIGH, 0x05000000);
	put(&rig, LAPIC_ICR, 0x61);
	put(&rig, LAPIC_ICR, 0x40042);
	cr_expect_eq(get(&rig, LAPIC_IRR + 0x30), 2);
	cr_expect_eq(lapic_pending(&rig.apic), 0x61);
	lapic_accept(&rig.apic, 0x61);
	cr_expect_eq(get(&rig, LAPIC_PPR), 0x60);
	cr_expect_eq(lapic_pending(&rig.apic), -1);
	put(&rig, LAPIC_EOI, 0x1234);
	cr_expect_eq(lapic_pending(&rig.apic), 0x42);
}

/* A level-triggered interrupt stands in the TMR, and its end goes to the I/O APIC. */
Test(lapic_page, tells_the_end_of_what_is_level_triggered)
{
	struct lapic_rig rig;

	start(&rig, 0);
	lapic_request(&rig.apic, 0x55, true);
	cr_expect_eq(get(&rig, LAPIC_TMR + 0x20), 1u << 0x15);
	lapic_accept(&rig.apic, 0x55);
	put(&rig, LAPIC_EOI, 0);
	cr_expect_eq(rig.ended, 0x55);
	rig.ended = -1;
	lapic_request(&rig.apic, 0x55, false);
	cr_expect_eq(get(&rig, LAPIC_TMR + 0x20), 0);
	lapic_accept(&rig.apic, 0x55);
	put(&rig, LAPIC_EOI, 0);
	cr_expect_eq(rig.ended, -1);
}

/* SDM volume 3, 11.5.3: an error interrupts where the LVT has it unmasked. */
Test(lapic_page, errors_interrupt_unless_their_own_vector_is_one)
{
	struct lapic_rig rig;

	start(&rig, 0);
	put(&rig, LAPIC_LVT_ERROR, 0x33);
	get(&rig, 0x40);
	cr_expect_eq(lapic_pending(&rig.apic), 0x33);
	cr_expect_eq(errors(&rig), ESR_ILLEGAL_REGISTER);
	start(&rig, 0);
	put(&rig, LAPIC_LVT_ERROR, 0x0f);
	get(&rig, 0x40);
	cr_expect_eq(lapic_pending(&rig.apic), -1);
	cr_expect_eq(errors(&rig), ESR_ILLEGAL_REGISTER | 0x40);
}
