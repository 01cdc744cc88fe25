/*
 * Events for a guest: exceptions that its hypervisor raises, and interrupts of its local APIC.
 */
#ifndef L1VMM_VMX_EVENT_H
#define L1VMM_VMX_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/vmx/vcpu.h"

/*
 * Raises an exception in the guest at the instruction that exited, with the error code where the
 * vector has one.  A contributory pair becomes a double fault (SDM volume 3, table 6-5).  The
 * return value is for handlers to return.
 * @pre v's VMCS is current
 */
enum exit_action event_exception(struct vcpu *v, uint8_t vector, uint32_t error);

/* #UD, #GP(0), and #PF at `address`, for handlers to return. */
enum exit_action event_ud(struct vcpu *v);
enum exit_action event_gp(struct vcpu *v);
enum exit_action event_pf(struct vcpu *v, uint64_t address, uint32_t error);

/*
 * Takes note of an event that was being delivered when the exit came, so that it is delivered with
 * the next entry (SDM volume 3, 28.2.3).  For exits that can come during delivery.
 * @pre v's VMCS is current
 */
void event_requeue(struct vcpu *v);

/*
 * The exit came from an IRET that had ended the blocking of NMIs already and will be executed again
 * (SDM volume 3, 28.2.3, "NMI unblocking due to IRET"): blocks them until then.
 * @pre event_requeue() has been called, v's VMCS is current
 */
void event_nmi_goes_on(struct vcpu *v);

/*
 * Puts what waits into the VMCS: an event, an NMI, or an interrupt; or a wait for the window.
 * `advanced` tells that the instruction that exited has been carried out, which ends the shadow of
 * an STI or MOV SS before it.
 * @pre v's VMCS is current
 */
void event_prepare(struct vcpu *v, bool advanced);

/* Whether neither IF nor a shadow keeps interrupts from the guest.  @pre v's VMCS is current */
bool event_takes_interrupt(struct vcpu *v);

/* Has the guest exit as soon as it can take an interrupt, or not.  @pre v's VMCS is current */
void event_want_interrupt_window(struct vcpu *v, bool wanted);

/* Whether the next entry injects an event.  @pre v's VMCS is current */
bool event_is_injected(struct vcpu *v);

/*
 * The primary control that asks for an exit as soon as an NMI can be taken, which waits behind
 * `blocking`, or behind an event that the entry injects.  The NMI window opens in the shadow of an
 * STI, where an entry may refuse to inject an NMI (SDM volume 3, 26.2 and 27.2.1.3): the exit would
 * come again and again.  The interrupt window opens behind that shadow, as IF is set in it.
 */
static inline uint32_t event_nmi_window(uint64_t blocking, bool injects)
{
	return !injects && (blocking & (BLOCKING_BY_STI | BLOCKING_BY_NMI)) == BLOCKING_BY_STI
		       ? CONTROL_PRIMARY_INTERRUPT_WINDOW_EXITING
		       : CONTROL_PRIMARY_NMI_WINDOW_EXITING;
}

/* Puts the event that waits into the VMCS that is current.  @pre v->event is one */
void event_inject(struct vcpu *v);

#endif
