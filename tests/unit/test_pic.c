#include <criterion/criterion.h>

#include "l1vmm/dev/pic.h"
#include "tests/unit/random.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define FIRST  PIC_FIRST_COMMAND
#define SECOND PIC_SECOND_COMMAND
#define BASE   0x20 /* vectors of the first chip, and behind them those of the second */

#define END	      0x20
#define END_OF(line)  (0x60 | (line))
#define READ_REQUESTS 0x0a
#define READ_SERVICE  0x0b
#define POLL	      0x0c

static struct pic pic;

static void initialize(uint16_t port, uint8_t vector, uint8_t icw4)
{
	pic_write(&pic, port, 0x11);
	pic_write(&pic, port + 1, vector);
	pic_write(&pic, port + 1, port == FIRST ? 0x04 : 0x02);
	pic_write(&pic, port + 1, icw4);
	pic_write(&pic, port + 1, 0);
}

static void set_up(void)
{
	pic_reset(&pic);
	initialize(FIRST, BASE, 0x01);
	initialize(SECOND, BASE + 8, 0x01);
}

TestSuite(pic, .init = set_up);

static void pulse(unsigned line)
{
	pic_set_line(&pic, line, false);
	pic_set_line(&pic, line, true);
}

static void expect_vector(uint8_t vector)
{
	cr_expect(pic_asks(&pic));
	cr_expect_eq(pic_acknowledge(&pic), vector);
}

static uint8_t read_command(uint16_t port, uint8_t which)
{
	pic_write(&pic, port, which);
	return pic_read(&pic, port);
}

Test(pic, asks_for_nothing_before_it_is_told_to)
{
	pic_reset(&pic);
	for (unsigned line = 0; line < PIC_LINES; line++)
		pulse(line);
	cr_expect_not(pic_asks(&pic));
	cr_expect_eq(pic_read(&pic, PIC_FIRST_DATA), 0xff);
	cr_expect_eq(pic_read(&pic, PIC_SECOND_DATA), 0xff);
}

Test(pic, each_line_has_its_vector_and_comes_once)
{
	for (unsigned line = 0; line < PIC_LINES; line++) {
		if (line == 2)
			continue;
		pulse(line);
		expect_vector((uint8_t)(BASE + line));
		cr_expect_not(pic_asks(&pic), "line %u", line);
		cr_expect_eq(read_command(line < 8 ? FIRST : SECOND, READ_SERVICE), 1 << line % 8);
		if (line >= 8)
			pic_write(&pic, SECOND, END);
		pic_write(&pic, FIRST, END);
		cr_expect_not(pic_asks(&pic), "line %u", line);
		pic_set_line(&pic, line, false);
	}
}

Test(pic, the_lower_line_is_the_first_and_holds_the_higher_back)
{
	pulse(5);
	pulse(3);
	expect_vector(BASE + 3);
	cr_expect_not(pic_asks(&pic));
	pulse(9); /* by way of line 2 */
	expect_vector(BASE + 9);
	pulse(1);
	expect_vector(BASE + 1);
	pic_write(&pic, FIRST, END);
	pic_write(&pic, SECOND, END);
	pic_write(&pic, FIRST, END);
	cr_expect_not(pic_asks(&pic));
	pic_write(&pic, FIRST, END);
	expect_vector(BASE + 5);
}

Test(pic, a_masked_line_waits)
{
	pic_write(&pic, PIC_FIRST_DATA, 1u << 4);
	pulse(4);
	cr_expect_not(pic_asks(&pic));
	cr_expect_eq(read_command(FIRST, READ_REQUESTS), 1u << 4);
	pic_write(&pic, PIC_FIRST_DATA, 0);
	expect_vector(BASE + 4);
	pic_write(&pic, PIC_FIRST_DATA, 1u << 2); /* masks all of the second one */
	pulse(12);
	cr_expect_not(pic_asks(&pic));
}

/* Data sheet, "IR triggering": the line has to be high up to the acknowledgement. */
Test(pic, what_went_away_is_spurious)
{
	pulse(3);
	pic_set_line(&pic, 3, false);
	cr_expect_not(pic_asks(&pic));
	cr_expect_eq(pic_acknowledge(&pic), BASE + 7);
	cr_expect_eq(read_command(FIRST, READ_SERVICE), 0, "nothing is in service");
	pulse(12);
	pic_write(&pic, PIC_SECOND_DATA, 0xff); /* between the two acknowledgements, say */
	cr_expect_not(pic_asks(&pic));
}

Test(pic, a_level_comes_again_until_it_is_gone)
{
	pic_write(&pic, PIC_FIRST_LEVEL, 0xff);
	pic_write(&pic, PIC_SECOND_LEVEL, 0xff);
	cr_expect_eq(pic_read(&pic, PIC_FIRST_LEVEL), 0xf8);
	cr_expect_eq(pic_read(&pic, PIC_SECOND_LEVEL), 0xde);
	pic_set_line(&pic, 11, true);
	for (unsigned i = 0; i < 3; i++) {
		expect_vector(BASE + 11);
		cr_expect_not(pic_asks(&pic));
		pic_write(&pic, SECOND, END);
		pic_write(&pic, FIRST, END);
	}
	pic_set_line(&pic, 11, false);
	cr_expect_not(pic_asks(&pic));
}

Test(pic, ends_by_number_by_priority_and_by_itself)
{
	pulse(6);
	expect_vector(BASE + 6);
	pulse(1);
	expect_vector(BASE + 1);
	pic_write(&pic, FIRST, END_OF(6));
	cr_expect_eq(read_command(FIRST, READ_SERVICE), 1u << 1);
	pic_write(&pic, FIRST, END);
	cr_expect_eq(read_command(FIRST, READ_SERVICE), 0);

	initialize(FIRST, BASE, 0x03);
	pulse(6);
	expect_vector(BASE + 6);
	cr_expect_eq(read_command(FIRST, READ_SERVICE), 0);
}

Test(pic, what_is_given_back_asks_again)
{
	static const unsigned lines[] = {0, 7, 9, 15};

	for (size_t i = 0; i < COUNT(lines); i++) {
		unsigned line = lines[i];

		pulse(line);
		for (unsigned again = 0; again < 2; again++) {
			expect_vector((uint8_t)(BASE + line));
			cr_expect(pic_give_back(&pic, (uint8_t)(BASE + line)));
			cr_expect_eq(read_command(FIRST, READ_SERVICE), 0, "line %u", line);
			cr_expect_eq(read_command(SECOND, READ_SERVICE), 0, "line %u", line);
		}
		expect_vector((uint8_t)(BASE + line));
		cr_expect_not(pic_asks(&pic), "line %u", line);
		if (line >= 8)
			pic_write(&pic, SECOND, END);
		pic_write(&pic, FIRST, END);
		cr_expect_not(pic_asks(&pic), "line %u", line);
	}
}

Test(pic, only_what_is_in_service_is_given_back)
{
	for (unsigned vector = 0; vector < 256; vector++)
		cr_expect_not(pic_give_back(&pic, (uint8_t)vector), "vector %u", vector);
	pulse(9);
	expect_vector(BASE + 9);
	cr_expect_not(pic_give_back(&pic, BASE + 10));
	cr_expect_not(pic_give_back(&pic, BASE + 2), "the cascade has no vector");
	cr_expect_not(pic_asks(&pic));
	pic_write(&pic, SECOND, END);
	cr_expect_not(pic_give_back(&pic, BASE + 9));

	initialize(FIRST, BASE, 0x03);
	pulse(6);
	expect_vector(BASE + 6);
	cr_expect(pic_give_back(&pic, BASE + 6), "it has ended by itself");
	expect_vector(BASE + 6);
}

Test(pic, a_level_that_is_given_back_lasts_as_long_as_its_line)
{
	pic_write(&pic, PIC_SECOND_LEVEL, 0xff);
	pic_set_line(&pic, 11, true);
	expect_vector(BASE + 11);
	cr_expect(pic_give_back(&pic, BASE + 11));
	expect_vector(BASE + 11);
	pic_set_line(&pic, 11, false);
	cr_expect(pic_give_back(&pic, BASE + 11));
	cr_expect_not(pic_asks(&pic));
}

Test(pic, priorities_rotate)
{
	pic_write(&pic, FIRST, 0xc0 | 4); /* 4 is the lowest: 5 is the highest */
	pulse(4);
	pulse(5);
	pulse(0);
	expect_vector(BASE + 5);
	pic_write(&pic, FIRST, 0xa0); /* ends, and makes 5 the lowest */
	expect_vector(BASE + 0);
	pic_write(&pic, FIRST, 0xe0 | 0);
	expect_vector(BASE + 4);
}

Test(pic, special_mask_lets_lower_ones_through)
{
	pulse(1);
	expect_vector(BASE + 1);
	pulse(6);
	cr_expect_not(pic_asks(&pic));
	pic_write(&pic, FIRST, 0x68);
	pic_write(&pic, PIC_FIRST_DATA, 1u << 1);
	expect_vector(BASE + 6);
	pic_write(&pic, FIRST, 0x48);
}

/* One of the second chip may interrupt another one of it. */
Test(pic, special_fully_nested_mode_is_the_firsts)
{
	pulse(14);
	expect_vector(BASE + 14);
	pulse(8);
	cr_expect_not(pic_asks(&pic));
	set_up();
	initialize(FIRST, BASE, 0x11);
	pulse(14);
	expect_vector(BASE + 14);
	pulse(8);
	expect_vector(BASE + 8);
}

Test(pic, a_poll_acknowledges)
{
	cr_expect_eq(read_command(FIRST, POLL) & 0x80, 0);
	pulse(5);
	cr_expect_eq(read_command(FIRST, POLL), 0x85);
	cr_expect_not(pic_asks(&pic));
	cr_expect_eq(read_command(FIRST, READ_SERVICE), 1u << 5);
}

Test(pic, initialization_takes_the_words_that_it_announces)
{
	pic_write(&pic, FIRST, 0x12); /* alone, without ICW4 */
	pic_write(&pic, PIC_FIRST_DATA, 0x47);
	cr_expect_eq(pic_read(&pic, PIC_FIRST_DATA), 0, "initialized, no line is masked");
	pic_write(&pic, PIC_FIRST_DATA, 0xfe);
	cr_expect_eq(pic_read(&pic, PIC_FIRST_DATA), 0xfe);
	pulse(0);
	expect_vector(0x40);
}

/* Whatever a guest writes: nothing is taken that is masked, and a vector is one of the two sets. */
Test(pic, random_accesses_keep_it_whole)
{
	static const uint16_t ports[] = {PIC_FIRST_COMMAND, PIC_FIRST_DATA,  PIC_SECOND_COMMAND,
					 PIC_SECOND_DATA,   PIC_FIRST_LEVEL, PIC_SECOND_LEVEL};
	struct random random = {.state = 8259};

	for (unsigned i = 0; i < 200000; i++) {
		uint16_t port = ports[random_below(&random, COUNT(ports))];

		switch (random_below(&random, 4)) {
		case 0:
			pic_write(&pic, port, (uint8_t)random_next(&random));
			break;
		case 1:
			pic_read(&pic, port);
			break;
		case 2:
			pic_set_line(&pic, (unsigned)random_below(&random, 32),
				     random_once_in(&random, 2));
			break;
		default: {
			bool asked = pic_asks(&pic);
			uint8_t open = pic.chip[0].requests & (uint8_t)~pic.chip[0].mask;
			uint8_t vector = pic_acknowledge(&pic);

			cr_assert(!asked || open);
			cr_assert((vector & 0xf8) == pic.chip[0].vector ||
				  (vector & 0xf8) == pic.chip[1].vector);
		}
		}
		cr_assert_lt(pic.chip[0].lowest, 8);
		cr_assert_lt(pic.chip[1].lowest, 8);
	}
}
