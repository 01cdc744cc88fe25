/*
 * What makes a vCPU's APIC timer go off in time: the switch `timer`.
 *
 *   emulated  the processor's own timer; its interrupt is an exit
 *   preempt   the VMX preemption timer, which runs while the guest does
 *   direct    the guest writes IA32_TSC_DEADLINE of the processor without an exit
 */
#ifndef L1VMM_VMX_TIMER_H
#define L1VMM_VMX_TIMER_H

#include "l1vmm/vmx/vcpu.h"

/*
 * In ticks, of any timer: one that went off faster than its interrupts can be delivered would leave
 * the guest no time of its own.
 */
#define TIMER_SHORTEST_PERIOD 2000

/* Arms what has to be armed before the next entry.  @pre v's VMCS is current */
void timer_prepare(struct vcpu *v);

/* The processor's timer has interrupted, in the guest or while the hypervisor waited for it. */
void timer_interrupt(struct vcpu *v);

void timer_settle_direct(struct vcpu *v);

/*
 * Takes a timer that has gone off unseen, which one can have done only with timer=direct: before
 * the guest writes to its APIC, under the entry of the LVT that it went off under, and before
 * something is chosen for delivery.
 */
static inline void timer_settle(struct vcpu *v)
{
	if (v->timer_direct)
		timer_settle_direct(v);
}

/* The TSC is about to be changed: stops the processor's timer until the next entry. */
void timer_stop(struct vcpu *v);

/*
 * The guest is halted: arms the processor's timer, whatever the switch says.  False where the
 * guest's timer will never go off.
 */
bool timer_prepare_wait(struct vcpu *v);

/*
 * The guest waits for no interrupt, and keeps the chipset's timer, whose interrupts may be those of
 * other vCPUs: arms the processor's timer as above.  False where there is nothing to keep.
 */
bool timer_prepare_keeping(struct vcpu *v);

/* The wait is over: requests the timer's interrupt if it was that. */
void timer_waited(struct vcpu *v);

#endif
