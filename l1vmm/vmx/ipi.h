/*
 * Interrupts between vCPUs, each of which has a processor of its own: how they are sent, and how a
 * vCPU comes to know that something has been left in its mailbox.
 */
#ifndef L1VMM_VMX_IPI_H
#define L1VMM_VMX_IPI_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/vmx/vcpu.h"

/* The local APICs' way to others (struct lapic_ops). */
void ipi_send(struct vcpu *v, const struct lapic_ipi *ipi);

/*
 * The processor of `v` has been interrupted by another one, in the guest or in a wait: takes in
 * what is there.
 */
void ipi_kicked(struct vcpu *v);

/*
 * An NMI has found the hypervisor at work, where nothing can be taken in: an interrupt will follow,
 * in its next wait or the guest.
 */
void ipi_kicked_by_nmi(void);

/*
 * Whether an INIT has come that counts: VMX operation blocks it, but while a guest's guest runs
 * (SDM volume 3, 24.8).
 */
bool ipi_init_counts(const struct vcpu *v);

static inline bool ipi_has_init(const struct vcpu *v)
{
	return (v->lapic.signals & LAPIC_SIGNAL_INIT) && ipi_init_counts(v);
}

/*
 * What was taken in is seen to now where it is an INIT that counts, and not one for the guest's
 * hypervisor (nested_interrupted()): waits for a start-up message behind it, and has `v` begin
 * there.
 * @pre v's VMCS is current
 */
void ipi_take_signals(struct vcpu *v);

/*
 * A guest's guest waits for a start-up message that comes from now on, of which this is the vector;
 * what else comes waits, too.
 */
uint8_t ipi_wait_for_startup_of_l2(struct vcpu *v);

/* The first start of a vCPU that is not the boot processor's, of which INIT is the state. */
void ipi_wait_for_startup(struct vcpu *v);

/*
 * `v` is to be halted, and nothing of its own will wake it.  Stops the guest where no other vCPU
 * could.
 */
void ipi_check_helpless(struct vcpu *v);

#endif
