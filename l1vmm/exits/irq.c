/* Interrupts, NMIs, exceptions, and waiting for them. */
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/panic.h"
#include "l1vmm/vmx/shadow.h"
#include "l1vmm/vmx/stop.h"

/*
 * With shadow paging, page faults come this way; otherwise only NMIs do.  The exit has blocked
 * further NMIs until an IRET (SDM volume 3, 28.3): take one through the hypervisor's own gate.
 */
enum exit_action exit_exception(struct vcpu *v)
{
	uint32_t info = (uint32_t)vmcs_read(v, VMCS_EXIT_INTR_INFO);

	if (info == (INTR_INFO_VALID | INTR_INFO_ERROR_CODE | INTR_TYPE_EXCEPTION | VECTOR_PF)) {
		event_requeue(v);
		return shadow_fault(v, v->detail,
				    (uint32_t)vmcs_read(v, VMCS_EXIT_INTR_ERROR_CODE));
	}
	if ((info & INTR_INFO_TYPE_MASK) != INTR_TYPE_NMI)
		panic_guest(v, "exception %u of the guest, which no control asks for",
			    info & INTR_INFO_VECTOR_MASK);
	event_requeue(v);
	__asm__ volatile("int %0" : : "i"(VECTOR_NMI) : "memory");
	return EXIT_RETRY;
}

/* The interrupt is still pending: let the hypervisor's own gate take it. */
enum exit_action exit_external_interrupt(struct vcpu *v)
{
	event_requeue(v);
	sti();
	__asm__ volatile("nop" : : : "memory"); /* behind the shadow of STI */
	cli();
	return EXIT_RETRY;
}

enum exit_action exit_interrupt_window(struct vcpu *v)
{
	v->requests |= REQUEST_EVENT;
	return EXIT_RETRY;
}

/* Only the local APIC could wake the guest, and its interrupts come from the guest itself. */
enum exit_action exit_hlt(struct vcpu *v)
{
	if (lapic_pending(&v->lapic) < 0 || !(vmcs_read(v, VMCS_GUEST_RFLAGS) & RFLAGS_IF))
		vcpu_stop(v, STOP_HALTED, "pending=%d", lapic_pending(&v->lapic));
	v->requests |= REQUEST_EVENT;
	return EXIT_ADVANCE;
}

enum exit_action exit_pause(struct vcpu *v)
{
	(void)v;
	return EXIT_ADVANCE;
}
