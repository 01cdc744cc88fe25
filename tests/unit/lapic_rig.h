/* What tests of the local APIC share: one in x2APIC mode, and accesses that must succeed. */
#ifndef TESTS_UNIT_LAPIC_RIG_H
#define TESTS_UNIT_LAPIC_RIG_H

#include <criterion/criterion.h>

#include "l1vmm/arch/msr.h"
#include "l1vmm/dev/lapic.h"

static inline uint64_t lapic_get(const struct lapic *apic, uint32_t msr)
{
	uint64_t value = 0;

	cr_assert_eq(lapic_read_msr(apic, msr, &value), LAPIC_OK, "RDMSR %#x", msr);
	return value;
}

static inline void lapic_put(struct lapic *apic, uint32_t msr, uint64_t value)
{
	cr_assert_eq(lapic_write_msr(apic, msr, value), LAPIC_OK, "WRMSR %#x of %#lx", msr, value);
}

/* Resets to x2APIC mode, enabled by software. */
static inline void lapic_start(struct lapic *apic, uint32_t id)
{
	lapic_reset(apic, id);
	cr_assert_eq(lapic_write_base(apic, apic->base | APIC_BASE_X2APIC), LAPIC_OK);
	lapic_put(apic, MSR_X2APIC_SIVR, 0x1ff);
}

#endif
