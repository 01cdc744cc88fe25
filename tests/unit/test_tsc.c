/* A guest's time-stamp counter against arithmetic that has room for all of it. */
#include <criterion/criterion.h>

#include "l1vmm/vmx/tsc.h"
#include "random.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROUNDS	     200000

static const uint64_t edges[] = {0,
				 1,
				 2,
				 999,
				 UINT32_MAX,
				 UINT64_C(1) << 32,
				 TSC_MULTIPLIER_1 - 1,
				 TSC_MULTIPLIER_1,
				 TSC_MULTIPLIER_1 + 1,
				 UINT64_C(1) << 63,
				 UINT64_MAX - 1,
				 UINT64_MAX};

static const uint64_t multipliers[] = {1,
				       2,
				       12345,
				       TSC_MULTIPLIER_1 / 65535,
				       TSC_MULTIPLIER_1 / 3,
				       TSC_MULTIPLIER_1 - 1,
				       TSC_MULTIPLIER_1,
				       TSC_MULTIPLIER_1 + 1,
				       TSC_MULTIPLIER_1 / 2 * 3,
				       TSC_MULTIPLIER_1 * 65535,
				       UINT64_MAX};

/* By halves, so that nothing overflows: the product's 128 bits, of which 64 are kept. */
static uint64_t reference_scaled(uint64_t ticks, uint64_t multiplier)
{
	uint64_t al = (uint32_t)ticks, ah = ticks >> 32;
	uint64_t bl = (uint32_t)multiplier, bh = multiplier >> 32;
	uint64_t low = al * bl, middle = ah * bl + (low >> 32);
	uint64_t other = al * bh + (uint32_t)middle;
	uint64_t high = ah * bh + (middle >> 32) + (other >> 32);

	return high << 16 | (uint32_t)other >> 16;
}

static uint64_t any(struct random *seed)
{
	return random_next(seed) >> random_next(seed) % 64;
}

static void expect_scaled(uint64_t ticks, uint64_t multiplier)
{
	cr_assert_eq(tsc_scaled(ticks, multiplier), reference_scaled(ticks, multiplier),
		     "%#lx by %#lx", ticks, multiplier);
}

/* SDM volume 3, 26.3. */
Test(tsc, is_scaled_by_the_multiplier_and_wraps)
{
	struct random seed = {1};

	for (size_t i = 0; i < COUNT(edges); i++)
		for (size_t m = 0; m < COUNT(multipliers); m++)
			expect_scaled(edges[i], multipliers[m]);
	for (unsigned i = 0; i < ROUNDS; i++)
		expect_scaled(any(&seed), any(&seed));
}

Test(tsc, without_a_multiplier_has_an_offset_alone)
{
	const struct guest_tsc guest = {.multiplier = TSC_MULTIPLIER_1, .offset = UINT64_C(0) - 5};

	cr_expect_eq(tsc_of_guest(&guest, 3), UINT64_MAX - 1);
	cr_expect_eq(tsc_of_guest(&guest, UINT64_MAX), UINT64_MAX - 5);
	cr_expect_eq(tsc_ticks_of_processor(&guest, UINT64_MAX), UINT64_MAX);
}

Test(tsc, a_ratio_is_a_multiplier)
{
	cr_expect_eq(tsc_multiplier(1, 1), TSC_MULTIPLIER_1);
	cr_expect_eq(tsc_multiplier(3, 2), TSC_MULTIPLIER_1 / 2 * 3);
	cr_expect_eq(tsc_multiplier(TSC_RATIO_MOST, 1), UINT64_C(0xffff) << 48);
	cr_expect_eq(tsc_multiplier(1, TSC_RATIO_MOST), UINT64_C(0x100010001));
}

/* A timer that is set for so long is neither early nor later than need be. */
static void expect_enough(uint64_t ticks, uint64_t multiplier)
{
	const struct guest_tsc guest = {.multiplier = multiplier, .offset = 0};
	unsigned __int128 all = (unsigned __int128)ticks << TSC_FRACTION_BITS;
	unsigned __int128 least = all / multiplier + (all % multiplier != 0);
	uint64_t wanted = least > UINT64_MAX ? UINT64_MAX : (uint64_t)least;

	cr_assert_eq(tsc_ticks_of_processor(&guest, ticks), wanted, "%#lx by %#lx", ticks,
		     multiplier);
}

Test(tsc, the_processors_ticks_are_as_many_as_it_takes)
{
	struct random seed = {2};

	for (size_t i = 0; i < COUNT(edges); i++)
		for (size_t m = 0; m < COUNT(multipliers); m++)
			expect_enough(edges[i], multipliers[m]);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t ticks = any(&seed), multiplier = any(&seed);

		expect_enough(ticks, multiplier ? multiplier : 1);
	}
}

/* From whatever time on: what is rounded down at both ends is at most one tick of the guest's. */
Test(tsc, a_guest_sees_a_span_pass_that_a_timer_was_set_for)
{
	struct random seed = {3};

	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct guest_tsc guest = {
			.multiplier = tsc_multiplier((uint16_t)(random_next(&seed) | 1),
						     (uint16_t)(random_next(&seed) | 1)),
			.offset = random_next(&seed)};
		uint64_t now = random_next(&seed), ticks = any(&seed) >> 20;
		uint64_t left = tsc_ticks_of_processor(&guest, ticks);
		uint64_t seen = tsc_of_guest(&guest, now + left) - tsc_of_guest(&guest, now);

		if (left > UINT64_MAX - now) /* the processor's own counter begins again */
			continue;
		cr_assert(seen >= ticks, "%lu of %lu", seen, ticks);
		cr_assert(seen - ticks <= 1 + (guest.multiplier >> TSC_FRACTION_BITS), "%lu of %lu",
			  seen, ticks);
	}
}

/* What one level makes of the clock that another has made, rounded once in place of twice. */
Test(tsc, two_levels_make_one)
{
	struct random seed = {4};

	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct guest_tsc outer = {
			.multiplier = tsc_multiplier((uint16_t)(random_next(&seed) % 8 + 1),
						     (uint16_t)(random_next(&seed) % 8 + 1)),
			.offset = random_next(&seed) % 2 ? random_next(&seed) >> 20
							 : UINT64_C(0) - 1000};
		const struct guest_tsc inner = {
			.multiplier = tsc_multiplier((uint16_t)(random_next(&seed) % 8 + 1),
						     (uint16_t)(random_next(&seed) % 8 + 1)),
			.offset = random_next(&seed)};
		const struct guest_tsc both = tsc_compose(&outer, &inner);
		uint64_t tsc = (random_next(&seed) >> 24) + 8000;
		uint64_t twice = tsc_of_guest(&inner, tsc_of_guest(&outer, tsc));
		int64_t off = (int64_t)(tsc_of_guest(&both, tsc) - twice);

		cr_assert(off >= -12 && off <= 12, "by %ld", off);
	}
}

/* SDM volume 3, 27.2.1.1: no clock stands still, nor does a fast one turn into a slow one. */
Test(tsc, of_two_levels_has_a_multiplier_whatever_they_are)
{
	static const struct {
		uint64_t outer, inner, both;
	} rows[] = {
		{TSC_MULTIPLIER_1 / 2, 1, 1},
		{1, 1, 1},
		{TSC_MULTIPLIER_1 / 3, 3, 1},
		{TSC_MULTIPLIER_1 / 2, 4, 2},
		{TSC_MULTIPLIER_1 << 8, TSC_MULTIPLIER_1 << 8, UINT64_MAX},
		{TSC_MULTIPLIER_1 << 8, TSC_MULTIPLIER_1 << 7, TSC_MULTIPLIER_1 << 15},
		{UINT64_MAX, TSC_MULTIPLIER_1, UINT64_MAX},
		{UINT64_MAX, TSC_MULTIPLIER_1 + 1, UINT64_MAX},
		{UINT64_MAX, UINT64_MAX, UINT64_MAX},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct guest_tsc outer = {.multiplier = rows[i].outer};
		const struct guest_tsc inner = {.multiplier = rows[i].inner};

		cr_expect_eq(tsc_compose(&outer, &inner).multiplier, rows[i].both, "row %zu", i);
	}
}

Test(tsc, a_level_that_makes_nothing_of_it_changes_nothing)
{
	const struct guest_tsc plain = {.multiplier = TSC_MULTIPLIER_1, .offset = 0};
	const struct guest_tsc some = {.multiplier = 12345678901234567, .offset = UINT64_MAX / 3};
	struct guest_tsc both = tsc_compose(&plain, &some);

	cr_expect_eq(both.multiplier, some.multiplier);
	cr_expect_eq(both.offset, some.offset);
	both = tsc_compose(&some, &plain);
	cr_expect_eq(both.multiplier, some.multiplier);
	cr_expect_eq(both.offset, some.offset);
}
