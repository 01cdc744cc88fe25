#include "l1vmm/vmx/nested_switch.h"

#include "l1vmm/arch/console.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/around.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/exit_path.h"
#include "l1vmm/vmx/ipi.h"
#include "l1vmm/vmx/timer.h"
#include "nesting/entry.h"
#include "nesting/link.h"
#include "nesting/pdpte.h"
#include "nesting/virtual_apic.h"

/* What L2 gets of L1's registers.  @pre vmcs01 is current */
static void prepare_base(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;
	struct vmcs02_base *b = &nested_vmcs02(n)->base;

	if (b->tsc.offset != v->tsc.offset) { /* the multiplier stays */
		b->tsc.offset = v->tsc.offset;
		nested_hold(&n->vmx, VMCS_TSC_OFFSET);
	}
	b->writes = *n->stores;
	if (!vmcs02_inherits(&n->vmx))
		return;
	b->efer = v->efer;
	b->pat = vmcs_read(v, VMCS_GUEST_IA32_PAT);
	b->dr7 = vmcs_read(v, VMCS_GUEST_DR7);
	b->debugctl = vmcs_read(v, VMCS_GUEST_IA32_DEBUGCTL);
}

/*
 * Without a VPID, L1's entries and exits flush; with one, L2's translations outlive them.  Over
 * shadow paging there is one VPID for all, which the MMU flushes.
 */
static void choose_vpid02(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;
	struct vcpu_vmcs02 *vmcs02 = nested_vmcs02(n);
	const struct vmcs12 *v12 = n->vmx.vmcs12;
	bool tagged = vmcs12_secondary(v12) & CONTROL_SECONDARY_ENABLE_VPID;
	uint16_t vpid12 = tagged ? (uint16_t)vmcs12_get(v12, VMCS_VPID) : 0;
	uint16_t vpid02;

	if (vpid12 && n->vpids.slot[vmcs02->vpid_place].vpid12 == vpid12)
		return;
	vmcs02->vpid12 = vpid12;
	vmcs02->vpid_place = (uint8_t)vpid12_use(&n->vpids, vpid12);
	vpid02 = n->vpids.slot[vmcs02->vpid_place].vpid02;
	if (vpid02 != vmcs02->base.vpid)
		nested_hold(&n->vmx, VMCS_VPID);
	vmcs02->base.vpid = vpid02;
}

/* What L2's addresses mean. */
static inline __attribute__((always_inline)) void load_translations(struct vcpu *v, bool paged,
								    const struct vmcs_ops *vmcs02)
{
	if (unlikely(paged)) {
		const struct vmcs_ops to = nested_paging_pdptes(v);

		nested_load_pdptes(&v->nested->vmx, &to);
		nested_paging_enter(v);
	} else {
		nested_load_pdptes(&v->nested->vmx, vmcs02);
	}
}

/* @pre vmcs12 has passed the checks of VM entry */
static void choose_ept02(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;
	struct vmcs02_base *b = &nested_vmcs02(n)->base;
	const struct vmcs12 *v12 = n->vmx.vmcs12;
	uint64_t eptp;

	if (!vmcs12_uses_ept(v12))
		return;
	eptp = ept02_use(&n->ept02, vmcs12_get(v12, VMCS_EPT_POINTER));
	if (eptp != b->ept02)
		nested_hold(&n->vmx, VMCS_EPT_POINTER);
	b->ept02 = eptp;
}

static __attribute__((noinline)) void choose_virtual_apic(struct vcpu *v)
{
	virtual_apic_choose(&v->nested->vmx, &nested_vmcs02(v->nested)->base);
	if (nested_delivers(v))
		around_enter_l2(v);
}

/* What waits for L1 goes on waiting, but its timer runs while L2 does. */
static void put_off_requests(struct vcpu *v)
{
	if (v->requests & REQUEST_TIMER)
		timer_prepare_wait(v);
	v->nested->requests = v->requests & (REQUEST_TIMER | REQUEST_AROUND);
	v->requests = 0;
}

__attribute__((noinline)) void nested_put_off(struct vcpu *v)
{
	uint32_t before = v->nested->requests;

	put_off_requests(v);
	v->nested->requests |= before;
}

/* The first time that a check fails it names itself; a guest that goes on failing is not news. */
static void name_check(struct vcpu *v, enum entry_check check)
{
	const struct entry_check_info *info = entry_check_info(check);
	uint64_t *told = &v->nested->told[check / 64];

	if (!(*told >> check % 64 & 1))
		printk("l1vmm: VM entry of level %u refused: %s (SDM volume 3, %s)\n",
		       v->vm->level + 1, info->name, info->section);
	*told |= BIT(check % 64);
}

/* Ends an entry in L1, as VMfailValid or as an exit.  @pre vmcs02 is current */
static enum exit_action refuse(struct vcpu *v, enum entry_check check, uint64_t qualification)
{
	const struct entry_failure *failure = &entry_check_info(check)->failure;
	struct nested *n = &v->nested->vmx;

	name_check(v, check);
	if (failure->instruction_error) {
		nested_use_vmcs01(v);
		nested_finish(v, nested_fail(n, failure->instruction_error));
		return EXIT_ADVANCE;
	}
	nested_set(n, VMCS_EXIT_REASON, EXIT_REASON_FAILED_ENTRY | failure->exit_reason);
	nested_set(n, VMCS_EXIT_QUALIFICATION, qualification);
	nested_entry_failed(v);
	return EXIT_RETRY;
}

/* vmcs02 for the first time, or again after a VMCLEAR of it. */
static _Noreturn void launch_vmcs02(struct vcpu *v)
{
	nested_vmcs02(v->nested)->launched = true;
	uncount_advance(v, v->told);
	if (!v->telemetry.on)
		vmx_launch_again_quiet(v);
	record_end(v);
	vmx_launch_again(v);
}

/*
 * L2 waits for a start-up message, which is an exit (SDM volume 3, 26.2), as nothing else that
 * comes is.  A processor in that state would not listen to the hypervisor either, so it does not
 * enter it.
 */
static void wait_for_startup(struct vcpu *v)
{
	nested_set(&v->nested->vmx, VMCS_IDT_VECTORING_INFO, 0);
	nested_leave_with(v, EXIT_REASON_SIPI, ipi_wait_for_startup_of_l2(v), 0, 0);
}

/*
 * Of an L2 that its copy of the state says is not active: false where it does not run.  One in HLT
 * whose virtual interrupt waits already has been woken (SDM volume 3, 30.2.2), which Bochs forgets.
 */
static __attribute__((noinline)) bool runs_inactive(struct vcpu *v)
{
	struct vmcs12 *v12 = v->nested->vmx.vmcs12;

	if (vmcs12_get(v12, VMCS_GUEST_ACTIVITY_STATE) == ACTIVITY_WAIT_FOR_SIPI) {
		wait_for_startup(v);
		return false;
	}
	vmcs12_set(v12, VMCS_GUEST_ACTIVITY_STATE, vmcs_read(v, VMCS_GUEST_ACTIVITY_STATE));
	if (vmcs12_get(v12, VMCS_GUEST_ACTIVITY_STATE) == ACTIVITY_HLT)
		nested_wake(v);
	return true;
}

enum exit_action nested_enter(struct vcpu *v, bool launch)
{
	const struct vmcs_ops to = nested_current(v);
	struct vcpu_nested *n = v->nested;
	enum entry_check check;
	uint32_t number = 0;
	bool paged;

	n->launching12 = false;
	n->launching02 = false;
	n->injected = 0;
	n->injection.status = 0;
	prepare_base(v);
	link_prepare(&n->vmx);
	nested_use_vmcs02(v);
	check = nested_entry_check(&n->vmx, v->efer & EFER_LMA);
	if (check != ENTRY_PASSED)
		return refuse(v, check, entry_check_info(check)->failure.qualification);
	choose_ept02(v);
	paged = unlikely(vcpu_is_shadowed(v)) && nested_paging_choose(v);
	if (!paged)
		choose_vpid02(v);
	if (virtual_apic_changed(&n->vmx))
		choose_virtual_apic(v);
	vmcs02_update(&n->vmx, &nested_vmcs02(n)->base, &to);
	load_translations(v, paged, &to);
	put_off_requests(v);
	n->vmx.in_l2 = true;
	check = nested_entry_load_msrs(&n->vmx, &number);
	if (check != ENTRY_PASSED)
		return refuse(v, check, number);
	n->launching12 = launch;
	n->vmx.vmcs12->launched = 1;
	/* The copy tells where L1 or nested_halt() has made it so, and once or twice too often. */
	if (unlikely(vmcs12_get(n->vmx.vmcs12, VMCS_GUEST_ACTIVITY_STATE) != ACTIVITY_ACTIVE) &&
	    !runs_inactive(v))
		return EXIT_RETRY;
	if (vmcs12_has_timer(n->vmx.vmcs12))
		nested_timer_start(v);
	if (vmcs12_get(n->vmx.vmcs12, VMCS_ENTRY_INTR_INFO) & INTR_INFO_VALID) {
		nested_interrupt_later(v);
	} else {
		nested_set(&n->vmx, VMCS_IDT_VECTORING_INFO, 0);
		if (nested_interrupted(v))
			return EXIT_RETRY;
		nested_let_go(&n->vmx, VMCS_IDT_VECTORING_INFO);
		if (v->event)
			nested_inject(v);
	}
	if (unlikely(v->vm->vcpu_count > 1))
		nested_look_again(v);
	if (unlikely(v->requests))
		nested_put_off(v);
	v->cost.nested_entries++;
	n->launching02 = !nested_vmcs02(n)->launched;
	if (n->launching02)
		launch_vmcs02(v);
	return EXIT_RETRY;
}

/*
 * L1's entry has succeeded: what L1 injects with it has been injected.  Should the processor refuse
 * to go on, it is L1's instruction that fails.
 */
void nested_go_on(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;
	struct vmcs12 *v12 = n->vmx.vmcs12;

	n->launching02 = false;
	vmcs12_set(v12, VMCS_ENTRY_INTR_INFO,
		   vmcs12_get(v12, VMCS_ENTRY_INTR_INFO) & ~(uint64_t)INTR_INFO_VALID);
	if (vmcs12_has_timer(v12))
		nested_timer_go_on(v);
	if (v->vm->vcpu_count > 1)
		nested_look_again(v);
}
