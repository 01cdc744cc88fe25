/* What tests of the local APIC's timer share. */
#ifndef TESTS_UNIT_LAPIC_TIMER_RIG_H
#define TESTS_UNIT_LAPIC_TIMER_RIG_H

#include "tests/unit/lapic_rig.h"

#define VECTOR	 0x40
#define ONE_SHOT 0u
#define PERIODIC (1u << 17)
#define DEADLINE (2u << 17)
#define RESERVED (3u << 17)
#define MASKED	 (1u << 16)

#define NEVER	    UINT64_MAX
#define DIVIDE_BY_1 0xb

static inline void start(struct lapic_rig *rig, uint32_t mode, uint64_t now)
{
	lapic_start(rig, 0);
	rig->now = now;
	lapic_put(rig, MSR_X2APIC_LVT_TIMER, mode | VECTOR);
	lapic_put(rig, MSR_X2APIC_DIV_CONF, DIVIDE_BY_1);
}

/* Goes on to `now`; whether the timer requests its vector there. */
static inline bool due_at(struct lapic_rig *rig, uint64_t now)
{
	rig->now = now;
	lapic_timer_poll(&rig->apic);
	return lapic_pending(&rig->apic) == VECTOR;
}

/* When it is to be looked at. */
static inline uint64_t next(const struct lapic_rig *rig)
{
	if (!lapic_timer_matters(&rig->apic))
		return NEVER;
	return rig->now + lapic_timer_left(&rig->apic, rig->now);
}

static inline void serve(struct lapic_rig *rig)
{
	lapic_accept(&rig->apic, VECTOR);
	lapic_put(rig, MSR_X2APIC_EOI, 0);
}

#endif
