/* The local APIC's timer: SDM volume 3, 11.5.4.  One count at a divisor of 1 is one TSC tick. */
#include "l1vmm/dev/lapic_internal.h"

static uint32_t timer_mode(const struct lapic *apic)
{
	return *lapic_word(apic, LAPIC_LVT_TIMER) & LVT_TIMER_MODE;
}

/* Bits 3, 1 and 0 of the divide configuration count from 2 to 128 and end at 1. */
static unsigned divide_shift(uint32_t divide)
{
	return (((divide & 8) >> 1 | (divide & 3)) + 1) & 7;
}

static uint64_t whole_count(const struct lapic *apic)
{
	return (uint64_t)*lapic_word(apic, LAPIC_INITIAL_COUNT)
	       << divide_shift(*lapic_word(apic, LAPIC_DIVIDE));
}

void lapic_timer_disarm(struct lapic *apic)
{
	apic->timer.running = false;
	apic->timer.period = 0;
	apic->timer.accepted = apic->timer.served = 0;
}

static void arm(struct lapic *apic, uint64_t now, uint64_t expiry)
{
	apic->timer.running = true;
	apic->timer.since = now;
	apic->timer.expiry = expiry;
}

/* A deadline is over from the time on that it says, as numbers have it; 0 is none. */
static void arm_deadline(struct lapic *apic, uint64_t now, uint64_t deadline)
{
	apic->timer.running = false;
	if (deadline)
		arm(apic, now < deadline ? now : deadline, deadline);
}

bool lapic_timer_matters(const struct lapic *apic)
{
	uint32_t lvt = *lapic_word(apic, LAPIC_LVT_TIMER);

	return apic->timer.running && !(lvt & LVT_MASKED) &&
	       (apic->by_processor || !lapic_test(apic, LAPIC_IRR, lvt & LVT_VECTOR));
}

/*
 * What of its time the guest has to itself at least: one part in so many is for a tick.  How long
 * that takes depends on how many hypervisors have a part in it.
 */
#define PARTS 3

/* The next time of the rhythm that is not too soon. */
static uint64_t next_period(const struct lapic *apic, uint64_t now)
{
	uint64_t period = apic->timer.period, least = apic->timer.shortest;
	uint64_t from;

	if (least && least < PARTS * apic->timer.served)
		least = PARTS * apic->timer.served;
	from = now + (least ? least - 1 : 0);

	return from + period - (from - apic->timer.expiry) % period;
}

/* Periods that have passed unseen make one interrupt, as they would in the IRR. */
void lapic_timer_poll(struct lapic *apic)
{
	uint32_t lvt = *lapic_word(apic, LAPIC_LVT_TIMER);
	uint64_t now;

	if (!apic->timer.running)
		return;
	now = apic->ops->now(apic->ctx);
	if (lapic_timer_left(apic, now))
		return;
	if (apic->timer.period)
		arm(apic, now, next_period(apic, now));
	else
		apic->timer.running = false;
	if (!(lvt & LVT_MASKED))
		lapic_request(apic, lvt & LVT_VECTOR, false);
	apic->ops->timer_changed(apic->ctx);
}

void lapic_timer_accepted(struct lapic *apic)
{
	if (apic->timer.period)
		apic->timer.accepted = apic->ops->now(apic->ctx);
	apic->ops->timer_changed(apic->ctx);
}

void lapic_timer_served(struct lapic *apic, uint8_t vector)
{
	if (vector != (*lapic_word(apic, LAPIC_LVT_TIMER) & LVT_VECTOR))
		return;
	apic->timer.served = apic->ops->now(apic->ctx) - apic->timer.accepted;
	apic->timer.accepted = 0;
}

/* Into or out of deadline mode the timer stops; between the others it goes on. */
void lapic_timer_mode_written(struct lapic *apic, uint32_t before)
{
	uint32_t now = timer_mode(apic);

	before &= LVT_TIMER_MODE;
	if (now != before) {
		if (now >= LVT_DEADLINE || before >= LVT_DEADLINE)
			lapic_timer_disarm(apic);
		else if (apic->timer.running)
			apic->timer.period = now == LVT_PERIODIC ? whole_count(apic) : 0;
	}
	apic->ops->timer_changed(apic->ctx);
}

void lapic_timer_count_written(struct lapic *apic)
{
	uint64_t count = whole_count(apic), now;

	if (timer_mode(apic) >= LVT_DEADLINE)
		return;
	lapic_timer_disarm(apic);
	if (count) {
		now = apic->ops->now(apic->ctx);
		arm(apic, now, now + count);
		apic->timer.period = timer_mode(apic) == LVT_PERIODIC ? count : 0;
	}
	apic->ops->timer_changed(apic->ctx);
}

/* What is left to count is counted at the new rate. */
void lapic_timer_divide_written(struct lapic *apic, uint32_t before)
{
	uint64_t now, left;

	if (!apic->timer.running || timer_mode(apic) >= LVT_DEADLINE)
		return;
	now = apic->ops->now(apic->ctx);
	left = lapic_timer_left(apic, now) >>
	       divide_shift(before) << divide_shift(*lapic_word(apic, LAPIC_DIVIDE));
	arm(apic, now, now + left);
	if (apic->timer.period)
		apic->timer.period = whole_count(apic);
	apic->ops->timer_changed(apic->ctx);
}

uint32_t lapic_timer_current(struct lapic *apic)
{
	unsigned shift = divide_shift(*lapic_word(apic, LAPIC_DIVIDE));
	uint64_t left;

	if (!apic->timer.running || timer_mode(apic) >= LVT_DEADLINE)
		return 0;
	lapic_timer_poll(apic);
	left = apic->timer.running ? lapic_timer_left(apic, apic->ops->now(apic->ctx)) : 0;
	return (uint32_t)((left + (UINT64_C(1) << shift) - 1) >> shift);
}

bool lapic_awaits_deadline(const struct lapic *apic)
{
	return timer_mode(apic) == LVT_DEADLINE &&
	       !(*lapic_word(apic, LAPIC_LVT_TIMER) & LVT_MASKED);
}

uint64_t lapic_deadline(struct lapic *apic)
{
	lapic_timer_poll(apic);
	return timer_mode(apic) == LVT_DEADLINE && apic->timer.running ? apic->timer.expiry : 0;
}

void lapic_write_deadline(struct lapic *apic, uint64_t value)
{
	if (timer_mode(apic) != LVT_DEADLINE)
		return;
	arm_deadline(apic, apic->ops->now(apic->ctx), value);
	if (apic->timer.running && apic->timer.since == value)
		lapic_timer_poll(apic);
	else
		apic->ops->timer_changed(apic->ctx);
}

uint64_t lapic_hand_deadline_over(struct lapic *apic)
{
	bool running = apic->timer.running;

	apic->timer.running = false;
	return running ? apic->timer.expiry : 0;
}

void lapic_hand_deadline_back(struct lapic *apic, uint64_t value)
{
	if (timer_mode(apic) == LVT_DEADLINE)
		arm_deadline(apic, apic->ops->now(apic->ctx), value);
}

void lapic_timer_shift(struct lapic *apic, uint64_t by)
{
	lapic_timer_poll(apic); /* of what is over by the old time, none would be left by the new */
	if (apic->timer.accepted)
		apic->timer.accepted += by;
	if (apic->timer.running && timer_mode(apic) >= LVT_DEADLINE) {
		arm_deadline(apic, apic->ops->now(apic->ctx) + by, apic->timer.expiry);
	} else if (apic->timer.running) {
		apic->timer.since += by;
		apic->timer.expiry += by;
	}
	apic->ops->timer_changed(apic->ctx);
}
