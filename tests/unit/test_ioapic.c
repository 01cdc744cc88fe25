#include <criterion/criterion.h>

#include "l1vmm/dev/ioapic.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define IOREGSEL 0x00
#define IOWIN	 0x10

#define ID	    0x00
#define VERSION	    0x01
#define ARBITRATION 0x02
#define REDIRECTION 0x10 /* low half of line 0; the high half is the next register */
#define LAST	    (REDIRECTION + 2 * IOAPIC_LINES - 1)

#define MASKED 0x10000u

static uint32_t get(struct ioapic *ioapic, uint32_t reg)
{
	ioapic_write(ioapic, IOREGSEL, reg);
	return ioapic_read(ioapic, IOWIN);
}

static void put(struct ioapic *ioapic, uint32_t reg, uint32_t value)
{
	ioapic_write(ioapic, IOREGSEL, reg);
	ioapic_write(ioapic, IOWIN, value);
}

static uint32_t at_reset(uint32_t reg)
{
	if (reg == VERSION)
		return 0x170011; /* 24 lines; version 0x11 has no EOI register */
	return reg >= REDIRECTION && reg <= LAST && reg % 2 == 0 ? MASKED : 0;
}

/* Bits that software can set: 82093AA data sheet, 3.2. */
static uint32_t writable(uint32_t reg)
{
	if (reg == ID)
		return 0x0f000000;
	if (reg >= REDIRECTION && reg <= LAST)
		return reg % 2 ? 0xff000000 : 0x1afff;
	return 0;
}

Test(ioapic, starts_with_every_line_masked)
{
	struct ioapic ioapic;

	ioapic_reset(&ioapic);
	cr_expect_eq(ioapic_read(&ioapic, IOREGSEL), 0);
	for (uint32_t reg = 0; reg < 256; reg++)
		cr_expect_eq(get(&ioapic, reg), at_reset(reg), "register %#x", reg);
}

Test(ioapic, takes_the_writable_bits_of_each_register_and_no_others)
{
	static const uint32_t values[] = {0xffffffff, 0, 0xaaaaaaaa, 0x55555555};

	for (uint32_t reg = 0; reg < 256; reg++)
		for (size_t i = 0; i < COUNT(values); i++) {
			uint32_t fixed = at_reset(reg) & ~writable(reg);
			struct ioapic ioapic;

			ioapic_reset(&ioapic);
			put(&ioapic, reg, values[i]);
			cr_expect_eq(get(&ioapic, reg), (values[i] & writable(reg)) | fixed,
				     "%#x to register %#x", values[i], reg);
		}
}

/* The arbitration ID is loaded with the ID. */
Test(ioapic, a_register_is_written_alone)
{
	for (uint32_t reg = 0; reg < 256; reg++) {
		struct ioapic ioapic;

		ioapic_reset(&ioapic);
		put(&ioapic, reg, 0xffffffff);
		for (uint32_t other = 0; other < 256; other++) {
			uint32_t expected = at_reset(other);

			if (other == reg || (other == ARBITRATION && reg == ID))
				expected |= writable(reg);
			cr_expect_eq(get(&ioapic, other), expected, "register %#x by %#x", other,
				     reg);
		}
	}
}

Test(ioapic, the_select_register_has_eight_bits)
{
	struct ioapic ioapic;

	ioapic_reset(&ioapic);
	ioapic_write(&ioapic, IOREGSEL, 0xffffff01);
	cr_expect_eq(ioapic_read(&ioapic, IOREGSEL), 0x01);
	cr_expect_eq(ioapic_read(&ioapic, IOWIN), 0x170011);
}

Test(ioapic, there_is_nothing_beside_the_two_registers)
{
	struct ioapic ioapic, before;

	ioapic_reset(&ioapic);
	ioapic_write(&ioapic, IOREGSEL, REDIRECTION);
	before = ioapic;
	for (uint32_t offset = 0; offset < IOAPIC_SIZE; offset++) {
		if (offset == IOREGSEL || offset == IOWIN)
			continue;
		ioapic_write(&ioapic, offset, 0x12345678);
		cr_assert_arr_eq(&ioapic, &before, sizeof(ioapic), "offset %#x", offset);
		cr_assert_eq(ioapic_read(&ioapic, offset), 0, "offset %#x", offset);
	}
}

/* Remote IRR, which only the I/O APIC itself sets, ends with the interrupt of that vector. */
Test(ioapic, takes_the_end_of_an_interrupt)
{
	struct ioapic ioapic;

	ioapic_reset(&ioapic);
	ioapic.redirection[3] = 0x4000 | 0x55;
	ioapic.redirection[9] = 0x4000 | 0x56;
	ioapic_end_of_interrupt(&ioapic, 0x55);
	cr_expect_eq(ioapic.redirection[3], 0x55);
	cr_expect_eq(ioapic.redirection[9], 0x4000 | 0x56);
}

#define LEVEL  0x8000u
#define REMOTE 0x4000u
#define LINE   5

static void route(struct ioapic *ioapic, uint32_t low, uint32_t high)
{
	ioapic_reset(ioapic);
	put(ioapic, REDIRECTION + 2 * LINE + 1, high);
	put(ioapic, REDIRECTION + 2 * LINE, low);
}

Test(ioapic, an_edge_interrupts_once)
{
	struct ioapic ioapic;

	route(&ioapic, 0x55, 0);
	cr_expect_eq(ioapic_set_line(&ioapic, LINE, true), 1u << LINE);
	cr_expect_eq(ioapic_set_line(&ioapic, LINE, true), 0);
	cr_expect_eq(ioapic_end_of_interrupt(&ioapic, 0x55), 0);
	cr_expect_eq(ioapic_set_line(&ioapic, LINE, false), 0);
	cr_expect_eq(ioapic_set_line(&ioapic, LINE, true), 1u << LINE);
	cr_expect_eq(ioapic_set_line(&ioapic, LINE + 1, true), 0, "that one is masked");
}

Test(ioapic, an_edge_under_the_mask_is_lost_and_a_level_is_not)
{
	struct ioapic ioapic;

	route(&ioapic, MASKED | 0x55, 0);
	cr_expect_eq(ioapic_set_line(&ioapic, LINE, true), 0);
	ioapic_write(&ioapic, IOREGSEL, REDIRECTION + 2 * LINE);
	cr_expect_eq(ioapic_write(&ioapic, IOWIN, 0x55), 0);
	cr_expect_eq(ioapic_write(&ioapic, IOWIN, LEVEL | 0x55), 1u << LINE);
}

Test(ioapic, a_level_comes_again_after_its_end)
{
	struct ioapic ioapic;

	route(&ioapic, LEVEL | 0x55, 0);
	cr_expect_eq(ioapic_set_line(&ioapic, LINE, true), 1u << LINE);
	cr_expect_eq(get(&ioapic, REDIRECTION + 2 * LINE), LEVEL | REMOTE | 0x55);
	cr_expect_eq(ioapic_set_line(&ioapic, LINE, true), 0);
	cr_expect_eq(ioapic_end_of_interrupt(&ioapic, 0x56), 0);
	cr_expect_eq(ioapic_end_of_interrupt(&ioapic, 0x55), 1u << LINE);
	cr_expect_eq(ioapic_set_line(&ioapic, LINE, false), 0);
	cr_expect_eq(get(&ioapic, REDIRECTION + 2 * LINE), LEVEL | REMOTE | 0x55);
	cr_expect_eq(ioapic_end_of_interrupt(&ioapic, 0x55), 0);
	cr_expect_eq(get(&ioapic, REDIRECTION + 2 * LINE), LEVEL | 0x55);
}

/* As software does it that has no EOI register: to edge and back. */
Test(ioapic, edge_triggering_forgets_what_waits_for_its_end)
{
	struct ioapic ioapic;

	route(&ioapic, LEVEL | 0x55, 0);
	ioapic_set_line(&ioapic, LINE, true);
	put(&ioapic, REDIRECTION + 2 * LINE, MASKED | 0x55);
	cr_expect_eq(get(&ioapic, REDIRECTION + 2 * LINE), MASKED | 0x55);
	ioapic_write(&ioapic, IOREGSEL, REDIRECTION + 2 * LINE);
	cr_expect_eq(ioapic_write(&ioapic, IOWIN, LEVEL | 0x55), 1u << LINE);
}

Test(ioapic, passes_on_what_has_no_vector_as_extint_and_unmasked)
{
	static const struct {
		uint32_t low;
		bool passes;
	} rows[] = {{0x700, true},  {0x8700, true}, {0x755, true}, {0x10700, false},
		    {0x600, false}, {0x400, false}, {0x55, false}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ioapic ioapic;

		ioapic_reset(&ioapic);
		cr_expect_not(ioapic_passes_extint(&ioapic, LINE));
		route(&ioapic, rows[i].low, 0);
		cr_expect_eq(ioapic_passes_extint(&ioapic, LINE), rows[i].passes, "0x%x",
			     rows[i].low);
		cr_expect_not(ioapic_passes_extint(&ioapic, LINE + 1), "0x%x", rows[i].low);
	}
}

Test(ioapic, messages_say_what_the_entry_says)
{
	static const struct {
		uint32_t low, high;
		struct lapic_ipi message;
	} rows[] = {
		{0x55, 0x03000000, {.destination = 3, .vector = 0x55}},
		{LEVEL | 0x55, 0x03000000, {.destination = 3, .vector = 0x55, .level = true}},
		{0x955,
		 0x05000000,
		 {.destination = 5,
		  .vector = 0x55,
		  .mode = LAPIC_LOWEST_PRIORITY,
		  .logical = true}},
		{0x55, 0xff000000, {.destination = 0xff, .vector = 0x55, .everybody = true}},
		{0x855, 0xff000000, {.destination = 0xff, .vector = 0x55, .logical = true}},
		{LEVEL | 0x400, 0, {.mode = LAPIC_NMI}}, /* by edge, whatever it says */
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct lapic_ipi *expected = &rows[i].message;
		struct ioapic ioapic;
		struct lapic_ipi message;

		route(&ioapic, rows[i].low, rows[i].high);
		message = ioapic_message(&ioapic, LINE);
		cr_expect_eq(message.destination, expected->destination, "row %zu", i);
		cr_expect_eq(message.vector, expected->vector, "row %zu", i);
		cr_expect_eq(message.mode, expected->mode, "row %zu", i);
		cr_expect_eq(message.logical, expected->logical, "row %zu", i);
		cr_expect_eq(message.everybody, expected->everybody, "row %zu", i);
		cr_expect_eq(message.level, expected->level, "row %zu", i);
	}
}
