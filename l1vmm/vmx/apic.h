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

/* IA32_APIC_BASE has been written: irq=apicv follows the mode.  @pre v's VMCS is current */
void apic_mode_changed(struct vcpu *v);

/* The processor has written the register at `offset` of the APIC's page for the guest. */
void apic_written(struct vcpu *v, uint32_t offset);

/*
 * With irq=apicv: tells the processor what is requested and what is in service, so that it can
 * deliver by itself.  @pre v's VMCS is current
 */
void apic_hand_over(struct vcpu *v);

/*
 * The APIC's state has changed: the next entry looks for something to deliver.  The processor has
 * to know too of what cannot be delivered yet, and no entry gets by with a threshold above the TPR
 * (SDM volume 3, 27.2.1.1).
 */
static inline void apic_changed(struct vcpu *v)
{
	if (v->lapic.by_processor || (v->lapic.irr_words | v->lapic.signals | v->tpr_threshold))
		v->requests |= REQUEST_EVENT;
}

#endif
