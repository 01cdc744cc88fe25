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

/* Bits of the timer's entry in the LVT: SDM volume 3, figure 11-8. */
#define APIC_TIMER_ONE_SHOT 0u
#define APIC_TIMER_PERIODIC (1u << 17)
#define APIC_TIMER_DEADLINE (2u << 17)

/* The timer in deadline mode, ready for a write of IA32_TSC_DEADLINE. */
void apic_timer_deadline(uint8_t vector);

/* The timer in a mode that counts, one a tick, ready for a write of the initial count. */
void apic_timer_count(uint8_t vector, uint32_t mode);

void apic_timer_stop(void);

static inline void apic_eoi(void)
{
	wrmsr(MSR_X2APIC_EOI, 0);
}

#endif
