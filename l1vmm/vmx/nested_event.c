/*
 * Interrupts and NMIs that come for a guest hypervisor while its guest runs: exits where it has
 * asked for them, and otherwise its guest's.
 */
#include "l1vmm/vm.h"
#include "l1vmm/vmx/around.h"
#include "l1vmm/vmx/chipset.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/ipi.h"
#include "l1vmm/vmx/nested_fate.h"
#include "nesting/virtual_apic.h"

/* Instead of a vector of L1's APIC: the interrupt controllers'. */
#define CONTROLLERS (-1)

/* What brings L2 back to the hypervisor when it can take an event, and behind one. */
#define WINDOWS                                                \
	((uint32_t)(CONTROL_PRIMARY_INTERRUPT_WINDOW_EXITING | \
		    CONTROL_PRIMARY_NMI_WINDOW_EXITING | CONTROL_PRIMARY_MONITOR_TRAP_FLAG))

static uint64_t pin(const struct vcpu *v)
{
	return vmcs12_get(v->nested->vmx.vmcs12, VMCS_PIN_BASED_CONTROLS);
}

static bool nmi_waits(const struct vcpu *v)
{
	return (v->lapic.signals & LAPIC_SIGNAL_NMI) &&
	       !(v->nested->nmi_blocked && (pin(v) & CONTROL_PIN_VIRTUAL_NMIS));
}

static bool controllers_ask(struct vcpu *v)
{
	return (v->lapic.signals & LAPIC_SIGNAL_EXTINT) && chipset_asks(v);
}

static __attribute__((noinline)) void open_window(struct vcpu *v, uint32_t control)
{
	vmcs_write(v, VMCS_PRIMARY_CONTROLS, vmcs_read(v, VMCS_PRIMARY_CONTROLS) | control);
}

void nested_close_windows(struct vcpu *v)
{
	uint64_t of_l1 = vmcs12_get(v->nested->vmx.vmcs12, VMCS_PRIMARY_CONTROLS);

	vmcs_write(v, VMCS_PRIMARY_CONTROLS,
		   vmcs_read(v, VMCS_PRIMARY_CONTROLS) & ~(WINDOWS & ~of_l1));
}

/* L1 has given its NMIs to L2: whether the next entry injects this one. */
static bool give_nmi(struct vcpu *v)
{
	uint64_t blocking = vmcs_read(v, VMCS_GUEST_INTERRUPTIBILITY);

	if (v->event || blocking) {
		open_window(v, event_nmi_window(blocking, v->event));
		return false;
	}
	v->lapic.signals &= ~LAPIC_SIGNAL_NMI;
	v->event = INTR_INFO_VALID | INTR_TYPE_NMI | VECTOR_NMI;
	return true;
}

/* Takes an interrupt of L1's, for L1 or L2. */
static uint32_t acknowledge(struct vcpu *v, int vector)
{
	v->nested->by_controllers = vector == CONTROLLERS;
	if (vector == CONTROLLERS)
		vector = chipset_acknowledge(v);
	else
		lapic_accept(&v->lapic, (uint8_t)vector);
	return INTR_INFO_VALID | INTR_TYPE_EXTERNAL | (uint32_t)vector;
}

static void give_interrupt(struct vcpu *v, int vector)
{
	uint64_t shadow =
		vmcs_read(v, VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);

	if (v->event || shadow || !(vmcs_read(v, VMCS_GUEST_RFLAGS) & RFLAGS_IF)) {
		open_window(v, CONTROL_PRIMARY_INTERRUPT_WINDOW_EXITING);
		return;
	}
	v->event = acknowledge(v, vector);
}

/* An exit for an NMI blocks NMIs until L1's IRET: SDM volume 3, 28.5.6. */
static void leave_by_nmi(struct vcpu *v)
{
	v->lapic.signals &= ~LAPIC_SIGNAL_NMI;
	nested_leave_with(v, EXIT_REASON_EXCEPTION_NMI, 0,
			  INTR_INFO_VALID | INTR_TYPE_NMI | VECTOR_NMI, 0);
	vmcs_write(v, VMCS_GUEST_INTERRUPTIBILITY, BLOCKING_BY_NMI);
}

static void leave_by_interrupt(struct vcpu *v, int vector)
{
	uint32_t info = 0;

	if (vmcs12_get(v->nested->vmx.vmcs12, VMCS_EXIT_CONTROLS) &
	    CONTROL_EXIT_ACKNOWLEDGE_INTERRUPT)
		info = acknowledge(v, vector);
	nested_leave_with(v, EXIT_REASON_EXTERNAL_INTERRUPT, 0, info, 0);
}

static uint16_t virtual_status(struct vcpu *v)
{
	return (uint16_t)vmcs_read(v, VMCS_GUEST_INTR_STATUS);
}

void nested_halt(struct vcpu *v)
{
	vmcs_write(v, VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_HLT);
	vmcs12_set(v->nested->vmx.vmcs12, VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_HLT);
}

bool nested_wake(struct vcpu *v)
{
	const struct nested *n = &v->nested->vmx;

	if (!nested_delivers(v) || !(vmcs_read(v, VMCS_GUEST_RFLAGS) & RFLAGS_IF) ||
	    !virtual_apic_is_pending(n, virtual_status(v)))
		return false;
	vmcs_write(v, VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	return true;
}

/* SDM volume 3, 30.6: acknowledged and ended at once. */
bool nested_take_posted(struct vcpu *v)
{
	const struct nested *n = &v->nested->vmx;
	int vector = lapic_pending(&v->lapic);
	bool taken = false;

	for (; vector >= 0 && virtual_apic_is_notified(n, (uint8_t)vector);
	     vector = lapic_pending(&v->lapic)) {
		lapic_accept(&v->lapic, (uint8_t)vector);
		lapic_end_of_interrupt(&v->lapic);
		vmcs_write(v, VMCS_GUEST_INTR_STATUS,
			   virtual_apic_take_posted(n, virtual_status(v)));
		taken = true;
	}
	if (taken && vmcs_read(v, VMCS_GUEST_ACTIVITY_STATE) == ACTIVITY_HLT)
		nested_wake(v);
	return taken;
}

/* Each is an exit, whatever the controls say: SDM volume 3, 26.2. */
static void leave_by_init(struct vcpu *v)
{
	v->lapic.signals &= ~LAPIC_SIGNAL_INIT;
	nested_leave_with(v, EXIT_REASON_INIT_SIGNAL, 0, 0, 0);
}

/*
 * What is no vector of the APIC: the interrupt controllers' interrupt too, which takes no part in
 * its priorities (as in event.c).  Whether that is all for now.
 */
static __attribute__((noinline)) bool signalled(struct vcpu *v)
{
	bool exits = pin(v) & CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING;

	if (v->lapic.signals & LAPIC_SIGNAL_INIT) {
		leave_by_init(v);
		return true;
	}
	if (nmi_waits(v)) {
		if (pin(v) & CONTROL_PIN_NMI_EXITING) {
			leave_by_nmi(v);
			return true;
		}
		if (give_nmi(v) && exits) { /* which an exit would lose */
			nested_interrupt_later(v);
			return true;
		}
	}
	if (!controllers_ask(v))
		return false;
	if (exits)
		leave_by_interrupt(v, CONTROLLERS);
	else
		give_interrupt(v, CONTROLLERS);
	return exits;
}

/* As around_prepare(): what comes behind this must not have L2 take what its IF holds back. */
static __attribute__((noinline)) void step_around(struct vcpu *v)
{
	around_take_for_l2(v);
	if (v->event || !(vmcs_read(v, VMCS_GUEST_RFLAGS) & RFLAGS_IF))
		open_window(v, CONTROL_PRIMARY_INTERRUPT_WINDOW_EXITING);
}

bool nested_interrupted(struct vcpu *v)
{
	int vector;

	if (__builtin_expect(v->nested->stepped_around, 0))
		step_around(v);
	vector = lapic_pending(&v->lapic);
	if (v->lapic.signals && signalled(v))
		return !v->nested->vmx.in_l2;
	if (vector < 0)
		return false;
	if (pin(v) & CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING) {
		if (nested_take_posted(v))
			vector = lapic_pending(&v->lapic);
		if (vector >= 0)
			leave_by_interrupt(v, vector);
		return vector >= 0;
	}
	give_interrupt(v, vector);
	return false;
}

void nested_interrupt_later(struct vcpu *v)
{
	uint64_t offered = v->nested->vmx.offered.controls.msr[CONTROL_PRIMARY] >> 32;

	if (nested_delivers(v))
		around_injects(v);
	if (v->nested->stepped_around)
		open_window(v, CONTROL_PRIMARY_INTERRUPT_WINDOW_EXITING);
	if (((v->lapic.signals & LAPIC_SIGNAL_INIT) || nmi_waits(v) ||
	     lapic_pending(&v->lapic) >= 0 || controllers_ask(v)) &&
	    (offered & CONTROL_PRIMARY_MONITOR_TRAP_FLAG))
		open_window(v, CONTROL_PRIMARY_MONITOR_TRAP_FLAG);
}

void nested_inject(struct vcpu *v)
{
	v->nested->injected = v->event;
	event_inject(v);
	if (nested_delivers(v))
		around_injects(v);
}

static bool may_be_deaf(const struct vcpu *v)
{
	return v->vm->switches.around == SW_AROUND_MASKED;
}

void nested_look_again(struct vcpu *v)
{
	uint32_t requests = v->requests;

	if (!may_be_deaf(v) || !lapic_has_mail(&v->lapic))
		return;
	if (!nested_monitors(v)) {
		open_window(v, CONTROL_PRIMARY_MONITOR_TRAP_FLAG);
		return;
	}
	/* That exit is L1's already: what has come is seen to when L1 goes back to L2. */
	ipi_kicked(v);
	v->requests = requests;
}

/* What is set in vmcs02 while it is prepared may get lost: then nested_look_again() is to come. */
void nested_exit_soon(struct vcpu *v)
{
	if (may_be_deaf(v) && v->nested->vmx.in_l2 && vmptrst() == nested_vmcs02(v->nested)->vmcs)
		vmwrite(VMCS_PRIMARY_CONTROLS,
			vmread(VMCS_PRIMARY_CONTROLS) | CONTROL_PRIMARY_MONITOR_TRAP_FLAG);
}
