/*
 * What tests of the local APIC share: one with a clock that the test sets, and accesses that must
 * succeed.
 */
#ifndef TESTS_UNIT_LAPIC_RIG_H
#define TESTS_UNIT_LAPIC_RIG_H

#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/msr.h"
#include "l1vmm/dev/lapic.h"

#define LAPIC_RIG_PHYSICAL_BITS 40

struct lapic_rig {
	struct lapic apic;
	struct lapic_page page;
	struct lapic_mailbox mailbox;
	uint64_t now;
	struct lapic_ipi sent; /* the latest one to others */
	unsigned sends;
	unsigned timer_changes;
	int ended; /* the latest level-triggered vector, -1: none */
};

/* After power-up, in xAPIC mode. */
void lapic_power_up(struct lapic_rig *rig, uint32_t id);

/* Power-up and on to x2APIC mode, enabled by software. */
void lapic_start(struct lapic_rig *rig, uint32_t id);

/* `to` becomes what `from` is. */
void lapic_copy(struct lapic_rig *to, const struct lapic_rig *from);

/* Whether nothing that a guest could notice differs. */
bool lapic_same(const struct lapic_rig *a, const struct lapic_rig *b);

static inline uint64_t lapic_get(struct lapic_rig *rig, uint32_t msr)
{
	uint64_t value = 0;

	cr_assert_eq(lapic_read_msr(&rig->apic, msr, &value), LAPIC_OK, "RDMSR %#x", msr);
	return value;
}

static inline void lapic_put(struct lapic_rig *rig, uint32_t msr, uint64_t value)
{
	cr_assert_eq(lapic_write_msr(&rig->apic, msr, value), LAPIC_OK, "WRMSR %#x of %#lx", msr,
		     value);
}

#endif
