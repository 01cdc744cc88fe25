/* The local APIC's timer: when it is due, what it counts, and what stops it. */
#include <criterion/criterion.h>

#include "tests/unit/lapic_timer_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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
		cr_expect_eq(next(&rig), 5000 + 1000 * rows[i].by);
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
	cr_expect_eq(next(&rig), 7 + (uint64_t)UINT32_MAX * 128);
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), UINT32_MAX);
}

Test(lapic_timer, starts_again_where_it_is_periodic)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC, 0);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	for (uint64_t tick = 100; tick <= 1000; tick += 100) {
		cr_expect_eq(next(&rig), tick);
		cr_expect_not(due_at(&rig, tick - 1));
		cr_expect(due_at(&rig, tick));
		serve(&rig);
	}
	/* What was missed makes one interrupt, and the rhythm stays. */
	cr_expect(due_at(&rig, 1555));
	serve(&rig);
	cr_expect_eq(next(&rig), 1600);
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 45);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 0);
	cr_expect_eq(next(&rig), NEVER);
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
		cr_assert_eq(next(&rig), NEVER);
		rig.now += 5;
		changes = rig.timer_changes;
		lapic_accept(&rig.apic, VECTOR);
		cr_assert_gt(rig.timer_changes, changes, "its next one counts again");
		cr_assert_eq(next(&rig), rig.now + 1);
		lapic_put(&rig, MSR_X2APIC_EOI, 0);
	}
}

Test(lapic_timer, masked_requests_nothing_and_counts_on)
{
	struct lapic_rig rig;

	start(&rig, MASKED | PERIODIC, 0);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	cr_expect_eq(next(&rig), NEVER);
	cr_expect_not(due_at(&rig, 250));
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 50);
	rig.now = 360;
	lapic_put(&rig, MSR_X2APIC_LVT_TIMER, PERIODIC | VECTOR);
	cr_expect_eq(lapic_pending(&rig.apic), -1, "what passed unseen was masked");
	cr_expect_eq(next(&rig), 400);
	cr_expect(due_at(&rig, 400));
}

/* SDM volume 3, 11.5.4.1. */
Test(lapic_timer, goes_off_at_the_deadline_and_forgets_it)
{
	struct lapic_rig rig;

	start(&rig, DEADLINE, 1000);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 5);
	cr_expect_eq(next(&rig), NEVER, "the count means nothing");
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 0);
	lapic_write_deadline(&rig.apic, 2000);
	cr_expect_eq(lapic_deadline(&rig.apic), 2000);
	cr_expect_eq(next(&rig), 2000);
	cr_expect_not(due_at(&rig, 1999));
	cr_expect(due_at(&rig, 2000));
	cr_expect_eq(lapic_deadline(&rig.apic), 0);
	serve(&rig);
	lapic_write_deadline(&rig.apic, 2000);
	cr_expect_eq(lapic_pending(&rig.apic), VECTOR, "the past is due at once");
	serve(&rig);
	lapic_write_deadline(&rig.apic, 3000);
	lapic_write_deadline(&rig.apic, 0);
	cr_expect_eq(next(&rig), NEVER);
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
		cr_expect_eq(next(&rig), NEVER);
	}
}

Test(lapic_timer, stops_at_a_change_into_and_out_of_deadline_mode)
{
	struct lapic_rig rig;

	start(&rig, ONE_SHOT, 0);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	lapic_put(&rig, MSR_X2APIC_LVT_TIMER, PERIODIC | VECTOR);
	cr_expect_eq(next(&rig), 100, "not between the two that count");
	lapic_put(&rig, MSR_X2APIC_LVT_TIMER, DEADLINE | VECTOR);
	cr_expect_eq(next(&rig), NEVER);
	lapic_write_deadline(&rig.apic, 50);
	lapic_put(&rig, MSR_X2APIC_LVT_TIMER, ONE_SHOT | VECTOR);
	cr_expect_eq(next(&rig), NEVER);
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

Test(lapic_timer, a_new_divisor_changes_the_rate_of_what_is_left)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC, 0);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	rig.now = 60;
	lapic_put(&rig, MSR_X2APIC_DIV_CONF, 0); /* by 2 */
	cr_expect_eq(next(&rig), 60 + 40 * 2);
	cr_expect(due_at(&rig, 140));
	serve(&rig);
	cr_expect_eq(next(&rig), 140 + 100 * 2);
}

/* The rhythm stays; what is too close to the last one is left out. */
Test(lapic_timer, leaves_out_periods_that_are_too_short_for_its_user)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC, 0);
	rig.apic.timer.shortest = 250;
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	cr_expect_eq(next(&rig), 100, "the first one is what was asked for");
	cr_expect(due_at(&rig, 100));
	serve(&rig);
	cr_expect_eq(next(&rig), 400);
	cr_expect(due_at(&rig, 450));
	serve(&rig);
	cr_expect_eq(next(&rig), 700, "250 after 450 is just there");
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 1);
	cr_expect(due_at(&rig, 451));
	serve(&rig);
	cr_expect_eq(next(&rig), 701);
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

/* INIT, and a disabled APIC: of the interrupt before nothing is left. */
Test(lapic_timer, a_reset_forgets_how_long_its_interrupts_take)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC, 0);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 400);
	for (unsigned i = 0; i < 2; i++) {
		cr_expect(due_at(&rig, 400 + i * 4000));
		lapic_accept(&rig.apic, VECTOR);
		rig.now += 1000;
		if (i == 0)
			lapic_put(&rig, MSR_X2APIC_EOI, 0);
	}
	cr_assert_neq(rig.apic.timer.accepted, 0);
	cr_assert_neq(rig.apic.timer.served, 0);
	lapic_reset(&rig.apic);
	cr_expect_eq(rig.apic.timer.accepted, 0);
	cr_expect_eq(rig.apic.timer.served, 0);
	cr_expect_eq(next(&rig), NEVER);
}

Test(lapic_timer, a_deadline_goes_to_the_processor_and_comes_back)
{
	struct lapic_rig rig;

	start(&rig, DEADLINE, 1000);
	cr_expect_eq(lapic_hand_deadline_over(&rig.apic), 0);
	lapic_write_deadline(&rig.apic, 2000);
	cr_expect_eq(lapic_hand_deadline_over(&rig.apic), 2000);
	cr_expect_not(due_at(&rig, 3000), "it is the processor's");
	lapic_hand_deadline_back(&rig.apic, 2500);
	cr_expect_eq(lapic_pending(&rig.apic), -1, "nobody has looked");
	cr_expect_eq(lapic_timer_left(&rig.apic, rig.now), 0);
	cr_expect(due_at(&rig, 3000));
	serve(&rig);
	lapic_hand_deadline_back(&rig.apic, 0);
	cr_expect_eq(next(&rig), NEVER);
	lapic_put(&rig, MSR_X2APIC_LVT_TIMER, ONE_SHOT | VECTOR);
	lapic_hand_deadline_back(&rig.apic, 4000);
	cr_expect_eq(next(&rig), NEVER, "the mode it was for is over");
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
