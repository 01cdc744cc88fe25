/*
 * What becomes of an exit from a guest's guest; for the files that handle those.
 * @pre for all: vmcs02 is current
 */
#ifndef L1VMM_VMX_NESTED_FATE_H
#define L1VMM_VMX_NESTED_FATE_H

#include "l1vmm/vmx/nested.h"
#include "nesting/reflect.h"

enum fate {
	FATE_L1,      /* L1 runs, and has been told */
	FATE_ADVANCE, /* L2 goes on behind the instruction */
	FATE_RETRY,   /* L2 goes on where vmcs02 says */
};

static inline enum fate as_fate(enum exit_action action)
{
	return action == EXIT_ADVANCE ? FATE_ADVANCE : FATE_RETRY;
}

/* The exit is L1's. */
enum fate nested_reflect(struct vcpu *v);

/* An instruction that the hypervisor carries out for L2 is one to L1's monitor trap flag: 26.5.2.
 */
static inline bool nested_monitors(const struct vcpu *v)
{
	return vmcs12_get(v->nested->vmx.vmcs12, VMCS_PRIMARY_CONTROLS) &
	       CONTROL_PRIMARY_MONITOR_TRAP_FLAG;
}

enum fate nested_leave_by_monitor(struct vcpu *v);

/* Exits that have to do with memory and devices. */
enum fate nested_ept_violation(struct vcpu *v);
enum fate nested_port(struct vcpu *v);
/* VMREAD and VMWRITE on L1's shadow VMCS. */
enum fate nested_vmcs_access(struct vcpu *v);
/*
 * A #PF on shadow tables: L2's own, with the error code that its tables give, or the hypervisor's.
 */
enum fate nested_page_fault(struct vcpu *v, struct nested_exit *e);

#endif
