/* The local APIC's timer while a guest sets the TSC that it goes by, or lets it begin again. */
#include <criterion/criterion.h>

#include "tests/unit/lapic_timer_rig.h"

Test(lapic_clock, a_count_does_not_follow_when_the_tsc_is_written_and_a_deadline_does)
{
	struct lapic_rig rig;

	start(&rig, ONE_SHOT, 1000);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	lapic_timer_shift(&rig.apic, 500000);
	rig.now += 500000;
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 100);
	start(&rig, DEADLINE, 1000);
	lapic_write_deadline(&rig.apic, 2000);
	lapic_timer_shift(&rig.apic, 500);
	rig.now += 500;
	cr_expect_eq(next(&rig), 2000);
	cr_expect_not(due_at(&rig, 1999));
	lapic_timer_shift(&rig.apic, 500000);
	rig.now += 500000;
	cr_expect_eq(next(&rig), rig.now, "it is over by the new time");
	cr_expect(due_at(&rig, rig.now));
}

/* A guest can set its TSC to whatever it likes. */
Test(lapic_clock, counts_on_where_the_tsc_begins_again)
{
	struct lapic_rig rig;

	for (uint64_t before = 0; before <= 101; before++) {
		uint64_t now = UINT64_C(0) - before;

		start(&rig, PERIODIC, now);
		lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
		cr_expect_eq(lapic_timer_left(&rig.apic, now), 100);
		cr_expect_not(due_at(&rig, now + 99), "%lu before", before);
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 1);
		cr_expect(due_at(&rig, now + 100), "%lu before", before);
		serve(&rig);
		cr_expect_eq(lapic_timer_left(&rig.apic, rig.now), 100);
		cr_expect(due_at(&rig, now + 250), "%lu before", before);
		serve(&rig);
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_CURRENT_COUNT), 50);
	}
}

Test(lapic_clock, a_deadline_just_before_the_tsc_begins_again_is_not_lost)
{
	struct lapic_rig rig;

	start(&rig, DEADLINE, UINT64_MAX - 100);
	lapic_write_deadline(&rig.apic, UINT64_MAX);
	cr_expect_eq(lapic_timer_left(&rig.apic, rig.now), 100);
	cr_expect_not(due_at(&rig, UINT64_MAX - 1));
	cr_expect(due_at(&rig, 5), "it was over before");
	serve(&rig);
	/* Below the time it is over, as numbers have it. */
	rig.now = UINT64_MAX - 100;
	lapic_write_deadline(&rig.apic, 5);
	cr_expect_eq(lapic_pending(&rig.apic), VECTOR);
}

/* Nobody need have looked at it, for example because it is masked. */
Test(lapic_clock, a_period_that_is_over_does_not_keep_it_from_going_on_at_an_earlier_time)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC | MASKED, 5000);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 100);
	rig.now = 5150;
	lapic_timer_shift(&rig.apic, UINT64_C(0) - 5150);
	rig.now = 0;
	lapic_put(&rig, MSR_X2APIC_LVT_TIMER, PERIODIC | VECTOR);
	cr_expect_eq(next(&rig), 50);
	cr_expect(due_at(&rig, 50));
}

Test(lapic_clock, a_tick_that_sets_the_tsc_back_is_no_long_one)
{
	struct lapic_rig rig;

	start(&rig, PERIODIC, 1000000);
	lapic_put(&rig, MSR_X2APIC_INIT_COUNT, 400);
	cr_expect(due_at(&rig, 1000400));
	lapic_accept(&rig.apic, VECTOR);
	lapic_timer_shift(&rig.apic, UINT64_C(0) - 900000);
	rig.now = 100450;
	lapic_put(&rig, MSR_X2APIC_EOI, 0);
	cr_expect_eq(rig.apic.timer.served, 50);
}
