/* The local APIC's timer: when it is due, what it counts, and what stops it. */
#include <criterion/criterion.h>

#include "tests/unit/lapic_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define VECTOR	 0x40
#define ONE_SHOT 0u
#define PERIODIC (1u << 17)
#define DEADLINE (2u << 17)
#define RESERVED (3u << 17)
#define MASKED	 (1u << 16)

#define NEVER	    UINT64_MAX
#define DIVIDE_BY_1 0xb

static void start(struct lapic_rig *rig, uint32_t mode, uint64_t now)
{
	lapic_start(rig, 0);
	rig->now = now;
	lapic_put(rig, MSR_X2APIC_LVT_TIMER, mode | VECTOR);
	lapic_put(rig, MSR_X2APIC_DIV_CONF, DIVIDE_BY_1);
}

/* Goes on to `now`; whether the timer requests its vector there. */
static bool due_at(struct lapic_rig *rig, uint64_t now)
{
	rig->now = now;
	lapic_timer_poll(&rig->apic);
	return lapic_pending(&rig->apic) == VECTOR;
}

static void serve(struct lapic_rig *rig)
{
	lapic_accept(&rig->apic, VECTOR);
	lapic_put(rig, MSR_X2APIC_EOI, 0);
}

/* SDM volume 3, figure 11-10. */
Test(lapic_timer, counts_down_at_the_rate_of_its_divisor)
{
	static const struct {
		uint32_t divide;
		uint64_t by;
	} rows[] = {{0, 2}, {1, 4}, {2, 8}, {3, 16}, {8, 32}, {9, 64}, {10, 128}, {11, 1}};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lapic_rig rig;

		start(&rig, ONE_SHOT, 5000);
		lapic_put(&rig, MSR_X2APIC_DIV_CONF, rows[i].divide);
		lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 1000);
		cr_expect_eq(lapic_timer_next(&rig.apic), 5000 + 1000 * rows[i].by);
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 1000);
		rig.now += 250 * rows[i].by;
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 750);
		cr_expect_not(due_at(&rig, 5000 + 1000 * rows[i].by - 1));
		cr_expect(due_at(&rig, 5000 + 1000 * rows[i].by));
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 0);
		serve(&rig);
		cr_expect_not(due_at(&rig, NEVER - 1), "once");
	}
}

Test(lapic_timer, the_largest_count_at_the_largest_divisor_is_no_overflow)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC, 7);
	lapic_put(&rig, MSR_X2APIC_DIV_CONF, 0xa);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, UINT32_MAX);
	cr_expect_eq(lapic_timer_next(&rig.apic), 7 + (uint64_t)UINT32_MAX * 128);
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), UINT32_MAX);
}

Test(lapic_timer, starts_again_where_it_is_periodic)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC, 0);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	for (uint64_t tick = 100; tick <= 1000; tick += 100) {
		cr_expect_eq(lapic_timer_next(&rig.apic), tick);
		cr_expect_not(due_at(&rig, tick - 1));
		cr_expect(due_at(&rig, tick));
		serve(&rig);
	}
	/* What was missed makes one interrupt, and the rhythm stays. */
	cr_expect(due_at(&rig, 1555));
	serve(&rig);
	cr_expect_eq(lapic_timer_next(&rig.apic), 1600);
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 45);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 0);
	cr_expect_eq(lapic_timer_next(&rig.apic), NEVER);
}

/* The smallest period asks for nothing while its interrupt waits: there is nothing to add. */
Test(lapic_timer, need_not_be_looked_at_while_its_vector_is_requested)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC, 0);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 1);
	for (unsigned i = 0; i < 1000; i++) {
		unsigned changes;

		cr_assert(due_at(&rig, rig.now + 1));
		cr_assert_eq(lapic_timer_next(&rig.apic), NEVER);
		rig.now += 5;
		changes = rig.timer_changes;
		lapic_accept(&rig.apic, VECTOR);
		cr_assert_gt(rig.timer_changes, changes, "its next one counts again");
		cr_assert_eq(lapic_timer_next(&rig.apic), rig.now + 1);
		lapic_put(&rig, MSR_X2APIC_EOI, 0);
	}
}

Test(lapic_timer, masked_requests_nothing_and_counts_on)
{
	struct lapic_rig rig;

	start(&rig, MASKED | PERIODIC, 0);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	cr_expect_eq(lapic_timer_next(&rig.apic), NEVER);
	cr_expect_not(due_at(&rig, 250));
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 50);
	rig.now = 360;
	lapic_put(&rig, MSR_X2APIC_LVT_TIMER, PERIODIC | VECTOR);
	cr_expect_eq(lapic_pending(&rig.apic), -1, "what passed unseen was masked");
	cr_expect_eq(lapic_timer_next(&rig.apic), 400);
	cr_expect(due_at(&rig, 400));
}

/* SDM volume 3, 11.5.4.1. */
Test(lapic_timer, goes_off_at_the_deadline_and_forgets_it)
{
	struct lapic_rig rig;

	start(&rig, DEADLINE, 1000);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 5);
	cr_expect_eq(lapic_timer_next(&rig.apic), NEVER, "the count means nothing");
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 0);
	lapic_write_deadline(&rig.apic, 2000);
	cr_expect_eq(lapic_deadline(&rig.apic), 2000);
	cr_expect_eq(lapic_timer_next(&rig.apic), 2000);
	cr_expect_not(due_at(&rig, 1999));
	cr_expect(due_at(&rig, 2000));
	cr_expect_eq(lapic_deadline(&rig.apic), 0);
	serve(&rig);
	lapic_write_deadline(&rig.apic, 2000);
	cr_expect_eq(lapic_pending(&rig.apic), VECTOR, "the past is due at once");
	serve(&rig);
	lapic_write_deadline(&rig.apic, 3000);
	lapic_write_deadline(&rig.apic, 0);
	cr_expect_eq(lapic_timer_next(&rig.apic), NEVER);
}

Test(lapic_timer, has_no_deadline_in_the_other_modes)
{
	static const uint32_t modes[] = {ONE_SHOT, PERIODIC, RESERVED};

	for (size_t i = 0; i < COUNT(modes); i++) {
		struct lapic_rig rig;

		start(&rig, modes[i], 1000);
		lapic_write_deadline(&rig.apic, 1);
		cr_expect_eq(lapic_deadline(&rig.apic), 0);
		cr_expect_eq(lapic_pending(&rig.apic), -1);
		cr_expect_eq(lapic_timer_next(&rig.apic), NEVER);
	}
}

Test(lapic_timer, stops_at_a_change_into_and_out_of_deadline_mode)
{
	struct lapic_rig rig;

	start(&rig, ONE_SHOT, 0);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	lapic_put(&rig, MSR_X2APIC_LVT_TIMER, PERIODIC | VECTOR);
	cr_expect_eq(lapic_timer_next(&rig.apic), 100, "not between the two that count");
	lapic_put(&rig, MSR_X2APIC_LVT_TIMER, DEADLINE | VECTOR);
	cr_expect_eq(lapic_timer_next(&rig.apic), NEVER);
	lapic_write_deadline(&rig.apic, 50);
	lapic_put(&rig, MSR_X2APIC_LVT_TIMER, ONE_SHOT | VECTOR);
	cr_expect_eq(lapic_timer_next(&rig.apic), NEVER);
	cr_expect_not(due_at(&rig, 1000));
}

Test(lapic_timer, an_illegal_vector_is_an_error_and_no_interrupt)
{
	struct lapic_rig rig;

	start(&rig, ONE_SHOT, 0);
	lapic_put(&rig, MSR_X2APIC_LVT_TIMER, ONE_SHOT | 15);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 10);
	due_at(&rig, 10);
	cr_expect_eq(lapic_pending(&rig.apic), -1);
	lapic_put(&rig, MSR_X2APIC_ESR, 0);
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_ESR), 0x40);
}

Test(lapic_timer, a_count_does_not_follow_when_the_tsc_is_written_and_a_deadline_does)
{
	struct lapic_rig rig;

	start(&rig, ONE_SHOT, 1000);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	lapic_timer_shift(&rig.apic, 500000);
	rig.now += 500000;
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 100);
	start(&rig, DEADLINE, 1000);
	lapic_write_deadline(&rig.apic, 2000);
	lapic_timer_shift(&rig.apic, 500000);
	cr_expect_eq(lapic_timer_next(&rig.apic), 2000);
}

/* Nobody need have looked at it, for example because it is masked. */
Test(lapic_timer, a_period_that_is_over_does_not_keep_it_from_going_on_at_an_earlier_time)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC | MASKED, 5000);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	rig.now = 5150;
	lapic_timer_shift(&rig.apic, UINT64_C(0) - 5150);
	rig.now = 0;
	lapic_put(&rig, MSR_X2APIC_LVT_TIMER, PERIODIC | VECTOR);
	cr_expect_eq(lapic_timer_next(&rig.apic), 50);
	cr_expect(due_at(&rig, 50));
}

Test(lapic_timer, a_new_divisor_changes_the_rate_of_what_is_left)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC, 0);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	rig.now = 60;
	lapic_put(&rig, MSR_X2APIC_DIV_CONF, 0); /* by 2 */
	cr_expect_eq(lapic_timer_next(&rig.apic), 60 + 40 * 2);
	cr_expect(due_at(&rig, 140));
	serve(&rig);
	cr_expect_eq(lapic_timer_next(&rig.apic), 140 + 100 * 2);
}

/* The rhythm stays; what is too close to the last one is left out. */
Test(lapic_timer, leaves_out_periods_that_are_too_short_for_its_user)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC, 0);
	rig.apic.timer.shortest = 250;
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	cr_expect_eq(lapic_timer_next(&rig.apic), 100, "the first one is what was asked for");
	cr_expect(due_at(&rig, 100));
	serve(&rig);
	cr_expect_eq(lapic_timer_next(&rig.apic), 400);
	cr_expect(due_at(&rig, 450));
	serve(&rig);
	cr_expect_eq(lapic_timer_next(&rig.apic), 700, "250 after 450 is just there");
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 1);
	cr_expect(due_at(&rig, 451));
	serve(&rig);
	cr_expect_eq(lapic_timer_next(&rig.apic), 701);
}

/* A tick is in service for 1,000: the guest is to have twice as much for itself. */
Test(lapic_timer, leaves_the_guest_two_thirds_of_its_time)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC, 0);
	rig.apic.timer.shortest = 1;
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 400);
	cr_expect(due_at(&rig, 400));
	lapic_accept(&rig.apic, VECTOR);
	rig.now = 1400;
	lapic_put(&rig, MSR_X2APIC_EOI, 0);
	cr_expect(due_at(&rig, 1400), "one has come due meanwhile");
	cr_expect_eq(rig.apic.timer.expiry, 4400, "the next time of the rhythm after 1400 + 3000");
	serve(&rig);
	cr_expect(due_at(&rig, 4400));
	cr_expect_eq(rig.apic.timer.expiry, 4800, "what is short in service may be frequent");
	lapic_accept(&rig.apic, VECTOR);
	rig.now = 4700;
	lapic_put(&rig, MSR_X2APIC_EOI, 0);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 500);
	cr_expect(due_at(&rig, 5200));
	cr_expect_eq(rig.apic.timer.expiry, 5700, "a new count forgets");
}

/* An interrupt of another source may last. */
Test(lapic_timer, takes_no_account_of_what_others_take)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC, 0);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 400);
	cr_expect(due_at(&rig, 400));
	lapic_accept(&rig.apic, VECTOR);
	lapic_request(&rig.apic, VECTOR + 32, false);
	lapic_accept(&rig.apic, VECTOR + 32);
	rig.now = 700;
	lapic_put(&rig, MSR_X2APIC_EOI, 0);
	cr_expect_eq(rig.apic.timer.served, 0);
	lapic_put(&rig, MSR_X2APIC_EOI, 0);
	cr_expect_eq(rig.apic.timer.served, 300);
}

Test(lapic_timer, can_be_left_to_a_processor_only_as_an_unmasked_deadline)
{
	static const struct {
		uint32_t lvt;
		bool can;
	} rows[] = {{ONE_SHOT, false},
		    {PERIODIC, false},
		    {RESERVED, false},
		    {DEADLINE, true},
		    {DEADLINE | MASKED, false}};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lapic_rig rig;

		start(&rig, rows[i].lvt, 0);
		cr_expect_eq(lapic_awaits_deadline(&rig.apic), rows[i].can, "row %zu", i);
	}
}
