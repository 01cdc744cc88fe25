/* What a guest's guest does to memory and devices: L1's exits, or seen to here. */
#include "l1vmm/arch/cpu.h"
#include "l1vmm/exits/emulate.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/nested_fate.h"
#include "l1vmm/vmx/stop.h"
#include "nesting/virtual_apic.h"

#define IO_STRING BIT(4) /* of the exit qualification of I/O instructions */

/* Qualification of EPT violations: SDM volume 3, table 28-7. */
#define EPT_ACCESS_MASK UINT64_C(7)

enum fate nested_leave_by_monitor(struct vcpu *v)
{
	nested_leave_with(v, EXIT_REASON_MONITOR_TRAP_FLAG, 0, 0, 0);
	return FATE_L1;
}

/* An instruction that reaches L2's memory has been carried out, or L1 is to be told why not. */
static enum fate carried_out(struct vcpu *v, enum exit_action action)
{
	if (nested_leave_refused(v))
		return FATE_L1;
	if (action == EXIT_RETRY && !v->event && nested_monitors(v))
		return nested_leave_by_monitor(v);
	return as_fate(action);
}

/* An APIC-access page of L1's that is no memory, which the processor knows nothing of. */
static enum fate apic_access(struct vcpu *v, uint64_t gpa, enum apic_access type)
{
	if (type != APIC_ACCESS_GUEST_PHYSICAL &&
	    (vmcs_read(v, VMCS_IDT_VECTORING_INFO) & INTR_INFO_VALID))
		type = APIC_ACCESS_IN_DELIVERY;
	nested_leave_with(v, EXIT_REASON_APIC_ACCESS, virtual_apic_qualification(type, gpa), 0, 0);
	return FATE_L1;
}

/*
 * An access of L2's to a device of L1's.  @pre the event whose delivery it was part of is to be
 * injected again
 */
static enum fate access_device(struct vcpu *v, uint64_t gpa, enum apic_access type)
{
	if (virtual_apic_is_accessed(&v->nested->vmx, gpa))
		return apic_access(v, gpa, type);
	v->nested->cr2 = read_cr2();
	return carried_out(v, emulate_device(v, gpa));
}

/* A store to a page that is not to be written to otherwise.  @pre the same */
static enum fate store(struct vcpu *v, uint64_t gpa)
{
	v->nested->cr2 = read_cr2();
	if (v->event || emulate_store(v, gpa) == EMULATE_UNSUPPORTED)
		vcpu_stop(v, STOP_BAD_STORE, "gpa=0x%lx level=2", gpa);
	return carried_out(v, EXIT_RETRY);
}

enum fate nested_port(struct vcpu *v)
{
	if (!(v->detail & IO_STRING))
		return as_fate(exit_io(v));
	v->nested->cr2 = read_cr2();
	return carried_out(v, exit_io(v));
}

enum fate nested_vmcs_access(struct vcpu *v)
{
	v->nested->cr2 = read_cr2();
	return carried_out(v, v->reason == EXIT_REASON_VMREAD ? vmread_of_l2(v) : vmwrite_of_l2(v));
}

/* The access, or the delivery of an event that made it, is tried again. */
static enum fate access_again(struct vcpu *v)
{
	event_requeue(v);
	if (v->detail & EPT_VIOLATION_IRET_UNDONE)
		event_nmi_goes_on(v);
	return FATE_RETRY;
}

/* A device of L1's that L1 has left to L2. */
static enum fate device_fault(struct vcpu *v, uint64_t gpa)
{
	event_requeue(v);
	return access_device(v, gpa,
			     !(v->detail & EPT_VIOLATION_TRANSLATED) ? APIC_ACCESS_GUEST_PHYSICAL
			     : v->detail & EPT_WRITE		     ? APIC_ACCESS_WRITE
								     : APIC_ACCESS_READ);
}

/* L2's physical memory is L1's: what L1 has not touched yet is mapped now. */
static enum fate l1_memory_fault(struct vcpu *v, uint64_t gpa)
{
	uint64_t written = v->vm->ept.table.writes;
	enum ept_result result = ept_access(&v->vm->ept, gpa, v->detail & EPT_ACCESS_MASK);

	v->cost.pte_writes += (uint16_t)(v->vm->ept.table.writes - written);
	if (result == EPT_NO_TABLES)
		vcpu_stop(v, STOP_NO_MEMORY, "gpa=0x%lx what=ept-table", gpa);
	if (result == EPT_NOT_MEMORY)
		return device_fault(v, gpa);
	if (result != EPT_DONE)
		vcpu_stop(v, STOP_DENIED, "gpa=0x%lx what=nested", gpa);
	return access_again(v);
}

static enum fate ept12_violation(struct vcpu *v, const struct ept02_result *r)
{
	v->detail = ept12_qualification(v->detail, r->granted);
	nested_set(&v->nested->vmx, VMCS_EXIT_QUALIFICATION, v->detail);
	return nested_reflect(v);
}

static enum fate ept12_misconfig(struct vcpu *v)
{
	nested_set(&v->nested->vmx, VMCS_EXIT_REASON, EXIT_REASON_EPT_MISCONFIG);
	nested_set(&v->nested->vmx, VMCS_EXIT_QUALIFICATION, 0);
	nested_leave(v);
	return FATE_L1;
}

enum fate nested_ept_violation(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;
	uint64_t gpa = vmcs_read(v, VMCS_GUEST_PHYSICAL_ADDRESS);
	struct ept02_result r;

	if (!vmcs12_uses_ept(n->vmx.vmcs12))
		return l1_memory_fault(v, gpa);
	r = ept02_fault(&n->ept02, &n->vmx.offered, gpa, v->detail & EPT_ACCESS_MASK);
	v->cost.pte_writes += (uint16_t)r.writes;
	switch (r.outcome) {
	case EPT02_VIOLATION:
		return ept12_violation(v, &r);
	case EPT02_MISCONFIG:
		return ept12_misconfig(v);
	case EPT02_NO_MEMORY:
		return device_fault(v, r.gpa);
	case EPT02_DENIED:
		vcpu_stop(v, STOP_DENIED, "gpa=0x%lx what=nested", r.gpa);
	case EPT02_RETRY:
		break;
	}
	return access_again(v);
}

/* Neither a double nor a triple fault counts as one in delivery: SDM volume 3, 28.2.4. */
static enum fate leave_by_double_fault(struct vcpu *v, uint32_t reason, uint32_t info)
{
	nested_set(&v->nested->vmx, VMCS_IDT_VECTORING_INFO, 0);
	nested_leave_with(v, reason, 0, info, 0);
	return FATE_L1;
}

/* One that L1 leaves to L2, be it on the way to another exception (SDM volume 3, 26.2). */
static enum fate deliver_page_fault(struct vcpu *v, uint32_t error_code)
{
	if ((v->event & (INTR_INFO_TYPE_MASK | INTR_INFO_VECTOR_MASK)) ==
	    (INTR_TYPE_EXCEPTION | VECTOR_DF))
		return leave_by_double_fault(v, EXIT_REASON_TRIPLE_FAULT, 0);
	event_pf(v, v->detail, error_code);
	if ((v->event & INTR_INFO_VECTOR_MASK) == VECTOR_DF &&
	    nested_exception_exits(&v->nested->vmx, VECTOR_DF, 0))
		return leave_by_double_fault(v, EXIT_REASON_EXCEPTION_NMI, v->event);
	return FATE_RETRY;
}

enum fate nested_page_fault(struct vcpu *v, struct nested_exit *e)
{
	struct nested *n = &v->nested->vmx;
	struct mmu_result result = nested_paging_fault(v, e->error_code);
	bool l2s = result.outcome == MMU_GUEST_FAULT;

	if (l2s)
		e->error_code = result.error_code;
	if (l2s && nested_exit_is_l1s(n, e)) {
		nested_set(n, VMCS_EXIT_INTR_ERROR_CODE, e->error_code);
		return nested_reflect(v);
	}
	event_requeue(v);
	if (e->intr_info & INTR_INFO_IRET_UNDONE)
		event_nmi_goes_on(v);
	if (result.outcome == MMU_DEVICE)
		return access_device(v, result.gpa,
				     e->error_code & PF_W ? APIC_ACCESS_WRITE : APIC_ACCESS_READ);
	if (result.outcome == MMU_EMULATE_ONLY)
		return store(v, result.gpa);
	return l2s ? deliver_page_fault(v, e->error_code) : FATE_RETRY;
}
