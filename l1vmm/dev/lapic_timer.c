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

static void disarm(struct lapic *apic)
{
	apic->timer.expiry = 0;
	apic->timer.period = 0;
	apic->timer.served = 0;
}

uint64_t lapic_timer_next(const struct lapic *apic)
{
	uint32_t lvt = *lapic_word(apic, LAPIC_LVT_TIMER);

	if (!apic->timer.expiry || (lvt & LVT_MASKED))
		return UINT64_MAX;
	if (!apic->by_processor && lapic_test(apic, LAPIC_IRR, lvt & LVT_VECTOR))
		return UINT64_MAX;
	return apic->timer.expiry;
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

	if (!apic->timer.expiry)
		return;
	now = apic->ops->now(apic->ctx);
	if (now < apic->timer.expiry)
		return;
	if (apic->timer.period)
		apic->timer.expiry = next_period(apic, now);
	else
		apic->timer.expiry = 0;
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
			disarm(apic);
		else if (apic->timer.expiry)
			apic->timer.period = now == LVT_PERIODIC ? whole_count(apic) : 0;
	}
	apic->ops->timer_changed(apic->ctx);
}

void lapic_timer_count_written(struct lapic *apic)
{
	uint64_t count = whole_count(apic);

	if (timer_mode(apic) >= LVT_DEADLINE)
		return;
	disarm(apic);
	if (count) {
		apic->timer.expiry = apic->ops->now(apic->ctx) + count;
		apic->timer.period = timer_mode(apic) == LVT_PERIODIC ? count : 0;
	}
	apic->ops->timer_changed(apic->ctx);
}

/* What is left to count is counted at the new rate. */
void lapic_timer_divide_written(struct lapic *apic, uint32_t before)
{
	uint64_t now, left;

	if (!apic->timer.expiry || timer_mode(apic) >= LVT_DEADLINE)
		return;
	now = apic->ops->now(apic->ctx);
	left = apic->timer.expiry > now ? apic->timer.expiry - now : 0;
	left = left >> divide_shift(before) << divide_shift(*lapic_word(apic, LAPIC_DIVIDE));
	apic->timer.expiry = now + left;
	if (apic->timer.period)
		apic->timer.period = whole_count(apic);
	apic->ops->timer_changed(apic->ctx);
}

uint32_t lapic_timer_current(struct lapic *apic)
{
	unsigned shift = divide_shift(*lapic_word(apic, LAPIC_DIVIDE));
	uint64_t now;

	if (!apic->timer.expiry || timer_mode(apic) >= LVT_DEADLINE)
		return 0;
	lapic_timer_poll(apic);
	now = apic->ops->now(apic->ctx);
	if (apic->timer.expiry <= now)
		return 0;
	return (uint32_t)((apic->timer.expiry - now + (UINT64_C(1) << shift) - 1) >> shift);
}

bool lapic_awaits_deadline(const struct lapic *apic)
{
	return timer_mode(apic) == LVT_DEADLINE &&
	       !(*lapic_word(apic, LAPIC_LVT_TIMER) & LVT_MASKED);
}

uint64_t lapic_deadline(struct lapic *apic)
{
	lapic_timer_poll(apic);
	return timer_mode(apic) == LVT_DEADLINE ? apic->timer.expiry : 0;
}

void lapic_write_deadline(struct lapic *apic, uint64_t value)
{
	if (timer_mode(apic) != LVT_DEADLINE)
		return;
	apic->timer.expiry = value;
	if (value && apic->ops->now(apic->ctx) >= value)
		lapic_timer_poll(apic);
	else
		apic->ops->timer_changed(apic->ctx);
}

uint64_t lapic_hand_deadline_over(struct lapic *apic)
{
	uint64_t deadline = apic->timer.expiry;

	apic->timer.expiry = 0;
	return deadline;
}

void lapic_hand_deadline_back(struct lapic *apic, uint64_t value)
{
	if (timer_mode(apic) == LVT_DEADLINE)
		apic->timer.expiry = value;
}

void lapic_timer_shift(struct lapic *apic, uint64_t by)
{
	lapic_timer_poll(apic); /* of what is over by the old time, none would be left by the new */
	if (apic->timer.expiry && timer_mode(apic) < LVT_DEADLINE)
		apic->timer.expiry += by;
	apic->ops->timer_changed(apic->ctx);
}
