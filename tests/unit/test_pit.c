#include <criterion/criterion.h>

#include "l1vmm/dev/pit.h"
#include "tests/unit/random.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CONTROL(counter, mode) ((uint8_t)((counter) << 6 | 0x30 | (mode) << 1))
#define LATCH(counter)	       ((uint8_t)((counter) << 6))

static struct pit pit;

static void set_up(void)
{
	pit_reset(&pit);
}

TestSuite(pit, .init = set_up);

static void program(unsigned counter, unsigned mode, uint16_t count, uint64_t now)
{
	uint16_t port = (uint16_t)(PIT_PORT + counter);

	pit_write(&pit, PIT_CONTROL_PORT, CONTROL(counter, mode), now);
	pit_write(&pit, port, (uint8_t)count, now);
	pit_write(&pit, port, (uint8_t)(count >> 8), now);
}

static uint16_t read_latched(unsigned counter, uint64_t now)
{
	uint16_t port = (uint16_t)(PIT_PORT + counter);
	uint8_t low;

	pit_write(&pit, PIT_CONTROL_PORT, LATCH(counter), now);
	low = pit_read(&pit, port, now + 1000); /* as it was when it was latched */
	return (uint16_t)(low | pit_read(&pit, port, now + 2000) << 8);
}

Test(pit, nothing_counts_before_it_is_told_to)
{
	for (unsigned i = 0; i < PIT_COUNTERS; i++) {
		cr_expect_eq(pit_next_rise(&pit, i, 0), PIT_NEVER);
		cr_expect_not(pit_output(&pit, i, 1000000));
	}
	cr_expect_eq(pit_read(&pit, PIT_CONTROL_PORT, 0), 0xff);
}

Test(pit, terminal_count_rises_once_and_stays)
{
	program(0, 0, 1000, 50);
	cr_expect_not(pit_output(&pit, 0, 1049));
	cr_expect(pit_output(&pit, 0, 1050));
	cr_expect(pit_output(&pit, 0, 99999999));
	cr_expect_eq(pit_next_rise(&pit, 0, 50), 1050);
	cr_expect_eq(pit_next_rise(&pit, 0, 1050), PIT_NEVER);
	cr_expect_eq(read_latched(0, 150), 900);
	cr_expect_eq(read_latched(0, 1051), 0xffff, "it counts on");
	pit_write(&pit, PIT_PORT, 7, 2000); /* half of a new count stops it */
	cr_expect_not(pit_output(&pit, 0, 2000));
	cr_expect_eq(pit_next_rise(&pit, 0, 2000), PIT_NEVER);
}

Test(pit, a_rate_falls_for_one_tick_of_each_period)
{
	program(0, 2, 100, 0);
	for (uint64_t now = 0; now < 1000; now++) {
		cr_expect_eq(pit_output(&pit, 0, now), now % 100 != 99, "%lu", now);
		cr_expect_eq(pit_next_rise(&pit, 0, now), (now / 100 + 1) * 100, "%lu", now);
	}
	cr_expect_eq(read_latched(0, 230), 70);
	/* A new count comes into force behind the period that runs. */
	pit_write(&pit, PIT_PORT, 30, 1010);
	pit_write(&pit, PIT_PORT, 0, 1010);
	cr_expect_eq(pit_next_rise(&pit, 0, 1010), 1100);
	cr_expect_eq(pit_next_rise(&pit, 0, 1100), 1130);
}

Test(pit, a_square_wave_is_high_for_the_longer_half)
{
	program(0, 3, 5, 0);
	for (uint64_t now = 0; now < 50; now++)
		cr_expect_eq(pit_output(&pit, 0, now), now % 5 < 3, "%lu", now);
	cr_expect_eq(pit_next_rise(&pit, 0, 7), 10);
	program(0, 7, 1000, 0); /* 7 is 3 */
	cr_expect_eq(read_latched(0, 100), 800, "by twos");
	cr_expect_eq(read_latched(0, 600), 800);
}

Test(pit, strobes_fall_for_one_tick)
{
	program(0, 4, 10, 100);
	cr_expect(pit_output(&pit, 0, 109));
	cr_expect_not(pit_output(&pit, 0, 110));
	cr_expect(pit_output(&pit, 0, 111));
	cr_expect_eq(pit_next_rise(&pit, 0, 100), 111);
	cr_expect_eq(pit_next_rise(&pit, 0, 111), PIT_NEVER);
}

Test(pit, a_gate_holds_or_triggers)
{
	program(2, 0, 100, 0);
	cr_expect_not(pit_output(&pit, 2, 1000), "it is closed at first");
	pit_set_gate(&pit, 2, true, 1000);
	cr_expect_eq(pit_next_rise(&pit, 2, 1000), 1100);
	pit_set_gate(&pit, 2, false, 1060);
	cr_expect_eq(pit_next_rise(&pit, 2, 1060), PIT_NEVER);
	cr_expect_eq(read_latched(2, 5000), 40);
	pit_set_gate(&pit, 2, true, 6000);
	cr_expect_not(pit_output(&pit, 2, 6039));
	cr_expect(pit_output(&pit, 2, 6040));

	for (unsigned mode = 1; mode <= 5; mode += 4) {
		pit_set_gate(&pit, 2, false, 7000);
		program(2, mode, 100, 7000);
		cr_expect(pit_output(&pit, 2, 8000));
		cr_expect_eq(pit_next_rise(&pit, 2, 8000), PIT_NEVER);
		pit_set_gate(&pit, 2, true, 8000);
		cr_expect_eq(pit_output(&pit, 2, 8050), mode == 5);
		cr_expect_eq(pit_next_rise(&pit, 2, 8000), mode == 5 ? 8101 : 8100);
	}
}

Test(pit, counts_have_16_bits_or_four_digits)
{
	program(0, 2, 0, 0);
	cr_expect_eq(pit_next_rise(&pit, 0, 0), 0x10000);
	cr_expect_eq(read_latched(0, 0), 0);
	cr_expect_eq(read_latched(0, 1), 0xffff);
	program(0, 2, 1, 0);
	cr_expect_eq(pit_next_rise(&pit, 0, 0), 2, "one is no period");
	pit_write(&pit, PIT_CONTROL_PORT, CONTROL(0, 2) | 1, 0);
	pit_write(&pit, PIT_PORT, 0x00, 0);
	pit_write(&pit, PIT_PORT, 0x00, 0);
	cr_expect_eq(pit_next_rise(&pit, 0, 0), 10000);
	cr_expect_eq(read_latched(0, 1), 0x9999);
	pit_write(&pit, PIT_CONTROL_PORT, CONTROL(0, 2) | 1, 0);
	pit_write(&pit, PIT_PORT, 0x34, 0);
	pit_write(&pit, PIT_PORT, 0x12, 0);
	cr_expect_eq(pit_next_rise(&pit, 0, 0), 1234);
}

Test(pit, one_byte_can_be_all)
{
	pit_write(&pit, PIT_CONTROL_PORT, 0x14, 0); /* low byte, mode 2 */
	pit_write(&pit, PIT_PORT, 18, 0);
	cr_expect_eq(pit_next_rise(&pit, 0, 0), 18);
	cr_expect_eq(pit_read(&pit, PIT_PORT, 0), 18);
	pit_write(&pit, PIT_CONTROL_PORT, 0x24, 0); /* high byte */
	pit_write(&pit, PIT_PORT, 2, 0);
	cr_expect_eq(pit_next_rise(&pit, 0, 0), 512);
	cr_expect_eq(pit_read(&pit, PIT_PORT, 0), 2);
}

Test(pit, reads_back_status_and_count)
{
	program(0, 2, 500, 0);
	pit_write(&pit, PIT_CONTROL_PORT, 0xc2, 100); /* of counter 0 */
	cr_expect_eq(pit_read(&pit, PIT_PORT, 300), 0x80 | 0x30 | 2 << 1);
	cr_expect_eq(pit_read(&pit, PIT_PORT, 300), 400 & 0xff);
	cr_expect_eq(pit_read(&pit, PIT_PORT, 300), 400 >> 8);
	pit_write(&pit, PIT_CONTROL_PORT, CONTROL(0, 0), 400);
	pit_write(&pit, PIT_CONTROL_PORT, 0xe2, 400); /* status alone */
	cr_expect_eq(pit_read(&pit, PIT_PORT, 400), 0x40 | 0x30, "no count yet");
}

/* Whatever a guest writes: time goes on, and a rise is later than now with a low output before. */
Test(pit, random_accesses_keep_it_whole)
{
	struct random random = {.state = 8254};
	uint64_t now = 0;

	for (unsigned i = 0; i < 200000; i++) {
		uint16_t port = (uint16_t)(PIT_PORT + random_below(&random, 4));

		now += random_below(&random, random_once_in(&random, 4) ? 100000 : 3);
		switch (random_below(&random, 3)) {
		case 0:
			pit_write(&pit, port, (uint8_t)random_next(&random), now);
			break;
		case 1:
			pit_read(&pit, port, now);
			break;
		default:
			pit_set_gate(&pit, 2, random_once_in(&random, 2), now);
		}
		for (unsigned j = 0; j < PIT_COUNTERS; j++) {
			uint64_t rise = pit_next_rise(&pit, j, now);

			if (rise == PIT_NEVER)
				continue;
			cr_assert_gt(rise, now);
			cr_assert_leq(rise - now, 2 * 0x10000 + 1);
			cr_assert(pit_output(&pit, j, rise), "counter %u", j);
		}
	}
}
