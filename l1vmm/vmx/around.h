/*
 * around=masked: what Bochs gets wrong while a guest has its interrupts masked, and what is done
 * instead (docs/interrupts.md, "around").
 */
#ifndef L1VMM_VMX_AROUND_H
#define L1VMM_VMX_AROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/vmx/vcpu.h"

/*
 * Interrupts the processor of `v` at `vector`, or by an NMI where that would have the guest take
 * what its IF holds back.
 */
void around_send(const struct vcpu *v, uint8_t vector);

/* Asks for REQUEST_AROUND for good where the two below are needed. */
void around_init(struct vcpu *v);

/*
 * Before each entry: takes what other processors have sent meanwhile.  True where that was an INIT,
 * and `v` begins anew.
 * @pre v's VMCS is current
 */
bool around_take(struct vcpu *v);

/*
 * Before each entry, when all else is prepared: has a guest that cannot be interrupted exit as soon
 * as it can, where what comes meanwhile and what the processor delivers would come in the wrong
 * order, or too early.
 * @pre v's VMCS is current
 */
void around_prepare(struct vcpu *v);

/*
 * The guest's guest is about to run with virtual interrupts: from now on what has come is taken
 * before each entry of it, by around_take_for_l2().  Of what comes a vCPU in VMX operation is told
 * by NMI anyway.
 * @pre v->nested
 */
void around_enter_l2(struct vcpu *v);
void around_take_for_l2(struct vcpu *v);

/*
 * The entry that comes injects an event; guest interrupt status and RSP are as it has them.  That
 * is known until the next exit has been handled: event_prepare(), which is asked for, forgets it,
 * and with a guest's guest nested_enter() and each exit of the hypervisor's own.
 * @pre the VMCS that is entered is current
 */
void around_injects(struct vcpu *v);

/*
 * What an exit interrupted the delivery of, where IDT-vectoring information says `info`, which is
 * valid.
 * @pre the VMCS of what has exited is current
 */
uint32_t around_vectoring(struct vcpu *v, uint32_t info);

/*
 * Whether the processor delivers interrupts to `v` that other processors send: no interrupt of the
 * processor's own timer may come to the guest then.
 */
bool around_needs_preemption(const struct vcpu *v);

#endif
