#include "l1vmm/vmx/nested_switch.h"

#include "l1vmm/arch/msr.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/apic.h"
#include "l1vmm/vmx/around.h"
#include "l1vmm/vmx/chipset.h"
#include "l1vmm/vmx/cr.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/exit_path.h"
#include "l1vmm/vmx/shadow.h"
#include "l1vmm/vmx/stop.h"
#include "l1vmm/vmx/tlb.h"
#include "nesting/entry.h"
#include "nesting/host_state.h"

/* Of CR0, what a VM exit leaves alone and is not the hypervisor's: SDM volume 3, 28.5.1. */
#define CR0_KEPT_BY_EXIT (CR0_CD | CR0_NW)

/* VMX-abort indicators: SDM volume 3, 28.7. */
#define ABORT_STORING_MSRS 1
#define ABORT_PDPTES	   2
#define ABORT_LOADING_MSRS 4

/*
 * An exit that cannot be completed: the processor shuts down, and the reason stands in the region
 * (SDM volume 3, 28.7).
 */
static _Noreturn void abort_vmx(struct vcpu *v, uint32_t indicator)
{
	nested_abort(&v->nested->vmx, indicator);
	vcpu_stop(v, STOP_VMX_ABORT, "indicator=%u", indicator);
}

/* CR3, EFER and the processor's CR4 of L1, whose EFER and CR0 are known. */
static void load_translations_of_l1(struct vcpu *v, uint64_t cr3, uint64_t cr0, uint64_t cr4)
{
	if (unlikely(!(v->efer & EFER_LMA)) && (cr4 & CR4_PAE) && !guest_load_pdptes(v, cr3))
		abort_vmx(v, ABORT_PDPTES);
	if (unlikely(vcpu_is_shadowed(v))) {
		v->cr3 = cr3;
		nested_paging_resume_l1(v, cr0, cr4);
		return;
	}
	vmcs_write(v, VMCS_GUEST_IA32_EFER, v->efer);
	vmcs_write(v, VMCS_GUEST_CR3, cr3);
	vmcs_write(v, VMCS_GUEST_CR4, cr4 | v->nested->cr4_fixed);
}

/* CR0, CR3, CR4 and EFER of L1 after an exit: SDM volume 3, 28.5.1 and 28.5.2. */
static void load_control_registers(struct vcpu *v, const struct vmcs12 *v12)
{
	struct vcpu_nested *n = v->nested;
	uint32_t exit = (uint32_t)vmcs12_get(v12, VMCS_EXIT_CONTROLS);
	bool code64 = exit & CONTROL_EXIT_HOST_ADDRESS_SPACE_SIZE;
	uint64_t mode = EFER_LME | EFER_LMA;
	uint64_t cr0 = (vmcs12_get(v12, VMCS_HOST_CR0) & ~CR0_KEPT_BY_EXIT) |
		       (vmcs12_get(v12, VMCS_GUEST_CR0) & CR0_KEPT_BY_EXIT) | CR0_ET;
	uint64_t cr4 = vmcs12_get(v12, VMCS_HOST_CR4);
	uint32_t *entry = &v->controls.word[CONTROL_ENTRY];
	uint32_t wanted = code64 ? *entry | CONTROL_ENTRY_IA32E_MODE_GUEST
				 : *entry & ~(uint32_t)CONTROL_ENTRY_IA32E_MODE_GUEST;

	v->efer = exit & CONTROL_EXIT_LOAD_IA32_EFER ? vmcs12_get(v12, VMCS_HOST_IA32_EFER)
		  : code64			     ? v->efer | mode
						     : v->efer & ~mode;
	v->paging = true;
	vmcs_write(v, VMCS_GUEST_CR0, cr0 | n->cr0_fixed);
	vmcs_write(v, VMCS_CR0_READ_SHADOW, cr0);
	vmcs_write(v, VMCS_CR4_READ_SHADOW, cr4);
	load_translations_of_l1(v, vmcs12_get(v12, VMCS_HOST_CR3), cr0, cr4);
	if (wanted != *entry) {
		*entry = wanted;
		vmcs_write(v, VMCS_ENTRY_CONTROLS, wanted);
	}
}

/* L1 goes on: what has changed meanwhile of its clock and its APIC counts from now on. */
static inline void resume_l1(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;

	if (n->tsc_written)
		vmcs_write(v, VMCS_TSC_OFFSET, v->tsc.offset);
	n->tsc_written = false;
	v->event = 0;
	v->event_length = 0;
	v->requests = n->requests | (v->requests & REQUEST_TIMER);
	apic_changed(v);
}

static void load_l1(struct vcpu *v)
{
	const struct vmcs_ops to = nested_current(v);
	struct vcpu_nested *n = v->nested;
	const struct vmcs12 *v12 = n->vmx.vmcs12;

	nested_use_vmcs01(v);
	n->vmx.in_l2 = false;
	host_state_load(v12, &to);
	if (n->nmi_blocked)
		vmcs_write(v, VMCS_GUEST_INTERRUPTIBILITY, BLOCKING_BY_NMI);
	load_control_registers(v, v12);
	if (vmcs12_get(v12, VMCS_EXIT_MSR_LOAD_COUNT) && !nested_exit_load_msrs(&n->vmx))
		abort_vmx(v, ABORT_LOADING_MSRS);
	if (!nested_vmcs02(n)->vpid12 && !vcpu_is_shadowed(v))
		tlb_flush_guest(v);
	resume_l1(v);
}

/* @pre vmcs02 is current */
static __attribute__((noinline)) void tell(struct vcpu *v)
{
	struct nested *n = &v->nested->vmx;
	struct exit_page *page = v->nested->tells;
	uint64_t reason = nested_get(n, VMCS_EXIT_REASON);

	page->reason = reason;
	page->rip = nested_get(n, VMCS_GUEST_RIP);
	page->length = nested_get(n, VMCS_EXIT_INSTRUCTION_LEN);
	if (exit_has_qualification((uint16_t)reason))
		page->qualification = nested_get(n, VMCS_EXIT_QUALIFICATION);
}

/* Where the exit may have interrupted the delivery of a virtual interrupt. */
static __attribute__((noinline)) void tell_vectoring(struct vcpu *v)
{
	struct nested *n = &v->nested->vmx;
	uint32_t told = (uint32_t)nested_get(n, VMCS_IDT_VECTORING_INFO);
	uint32_t info = told & INTR_INFO_VALID ? around_vectoring(v, told) : told;

	if (info != told)
		nested_set(n, VMCS_IDT_VECTORING_INFO, info);
}

/* What an exit does to vmcs12 beside what vmcs02 has: SDM volume 3, 28.2 and 28.3. */
void nested_leave(struct vcpu *v)
{
	struct nested *n = &v->nested->vmx;
	struct vmcs12 *v12 = n->vmcs12;
	uint64_t lma = vmcs_read(v, VMCS_ENTRY_CONTROLS) & CONTROL_ENTRY_IA32E_MODE_GUEST;
	uint64_t entry = vmcs12_get(v12, VMCS_ENTRY_CONTROLS);

	if (unlikely(v->nested->paging_on))
		nested_paging_leave(v);
	if (unlikely(nested_delivers(v)))
		tell_vectoring(v);
	vmcs12_set(v12, VMCS_ENTRY_INTR_INFO,
		   vmcs12_get(v12, VMCS_ENTRY_INTR_INFO) & ~(uint64_t)INTR_INFO_VALID);
	if ((entry ^ lma) & CONTROL_ENTRY_IA32E_MODE_GUEST) {
		vmcs12_set(v12, VMCS_ENTRY_CONTROLS, entry ^ CONTROL_ENTRY_IA32E_MODE_GUEST);
		n->changed |= ENTRY_CHANGED(CONTROLS);
	}
	vmcs02_left(n);
	if (unlikely(v->nested->tells))
		tell(v);
	/* Without virtual NMIs L2 has blocked and unblocked L1's: SDM volume 3, 25.3. */
	if (!(vmcs12_get(v12, VMCS_PIN_BASED_CONTROLS) & CONTROL_PIN_VIRTUAL_NMIS))
		v->nested->nmi_blocked =
			vmcs_read(v, VMCS_GUEST_INTERRUPTIBILITY) & BLOCKING_BY_NMI;
	if (vmcs12_get(v12, VMCS_EXIT_MSR_STORE_COUNT) && !nested_exit_store_msrs(n))
		abort_vmx(v, ABORT_STORING_MSRS);
	load_l1(v);
}

void nested_leave_with(struct vcpu *v, uint32_t reason, uint64_t qualification, uint32_t intr_info,
		       uint32_t error_code)
{
	struct nested *n = &v->nested->vmx;

	nested_set(n, VMCS_EXIT_REASON, reason);
	nested_set(n, VMCS_EXIT_QUALIFICATION, qualification);
	nested_set(n, VMCS_EXIT_INTR_INFO, intr_info);
	nested_set(n, VMCS_EXIT_INTR_ERROR_CODE, error_code);
	nested_leave(v);
}

/* L2 has not taken it: L1's next entry is to inject it. */
static void leave_event_to_l1(struct vcpu *v, uint32_t info)
{
	struct nested *n = &v->nested->vmx;

	nested_set(n, VMCS_ENTRY_INTR_INFO, info);
	nested_set(n, VMCS_ENTRY_EXCEPTION_ERROR_CODE,
		   vmcs_read(v, VMCS_ENTRY_EXCEPTION_ERROR_CODE));
	nested_set(n, VMCS_ENTRY_INSTRUCTION_LEN, vmcs_read(v, VMCS_ENTRY_INSTRUCTION_LEN));
	n->changed |= ENTRY_CHANGED(EVENT);
}

/* To where it was acknowledged; false where it has not come from there. */
static bool give_interrupt_back(struct vcpu *v, uint8_t vector)
{
	if (v->nested->by_controllers)
		return chipset_give_back(v, vector);
	if (lapic_in_service(&v->lapic) != vector)
		return false;
	lapic_give_back(&v->lapic, vector);
	return true;
}

/* What L1 gives to its guest is its own interrupt or NMI again; all else is L2's. */
static void take_event_back(struct vcpu *v, uint32_t info)
{
	uint64_t pin = vmcs12_get(v->nested->vmx.vmcs12, VMCS_PIN_BASED_CONTROLS);
	uint32_t type = info & INTR_INFO_TYPE_MASK;

	if (type == INTR_TYPE_NMI && !(pin & CONTROL_PIN_NMI_EXITING))
		v->lapic.signals |= LAPIC_SIGNAL_NMI;
	else if (type != INTR_TYPE_EXTERNAL || (pin & CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING) ||
		 !give_interrupt_back(v, info & INTR_INFO_VECTOR_MASK))
		leave_event_to_l1(v, info);
}

/* The entry has not happened: VMLAUNCH has not launched, and nothing has been injected. */
static void undo_entry(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;

	if (n->launching02)
		nested_vmcs02(n)->launched = false;
	if (n->launching12)
		n->vmx.vmcs12->launched = 0;
	if (n->injected)
		take_event_back(v, n->injected);
	n->injected = 0;
}

void nested_entry_refused(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;
	int number = (int)vmcs_read(v, VMCS_INSTRUCTION_ERROR);

	undo_entry(v);
	if (n->paging_on)
		nested_paging_leave(v);
	nested_use_vmcs01(v);
	n->vmx.in_l2 = false;
	if (vcpu_is_shadowed(v))
		shadow_reload(v);
	nested_finish(v, nested_fail(&n->vmx, number));
	resume_l1(v);
	v->rip = vmcs_read(v, VMCS_GUEST_RIP);
	if (!v->requests || serve_requests(v, EXIT_ADVANCE) == EXIT_ADVANCE)
		advance(v);
	if (!v->telemetry.on)
		vmx_resume_quiet(v);
	vmx_resume(v);
}

/* Nothing of L2's state has been loaded, so none is saved, and the event is still to be injected.
 */
void nested_entry_failed(struct vcpu *v)
{
	undo_entry(v);
	if (v->nested->paging_on)
		nested_paging_leave(v);
	if (v->nested->tells)
		tell(v);
	load_l1(v);
}
