/* The local APIC in x2APIC mode (SDM volume 3, 11.12): registers are MSRs. */
#ifndef BENCH_GUESTS_RT_APIC_H
#define BENCH_GUESTS_RT_APIC_H

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"

#define VECTOR_SPURIOUS 0xff

/*
 * Turns x2APIC mode on, and the old interrupt controllers off, so that only what a workload sends
 * itself arrives.
 */
void apic_enable(void);

static inline void apic_eoi(void)
{
	wrmsr(MSR_X2APIC_EOI, 0);
}

#endif
