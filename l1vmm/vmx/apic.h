/*
 * A vCPU's local APIC (l1vmm/dev/lapic.h) in its surroundings: time, other vCPUs, the entry that
 * injects.
 */
#ifndef L1VMM_VMX_APIC_H
#define L1VMM_VMX_APIC_H

#include <stdbool.h>

#include "l1vmm/vmx/vcpu.h"

/* Gives `v` its APIC, in the state after power-up.  False where the pool of memory is too small. */
bool apic_init(struct vcpu *v);

/* The APIC's state has changed: the next entry looks for something to deliver. */
static inline void apic_changed(struct vcpu *v)
{
	if (lapic_pending(&v->lapic) >= 0 || v->lapic.signals)
		v->requests |= REQUEST_EVENT;
}

#endif
