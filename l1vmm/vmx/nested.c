#include "l1vmm/vmx/nested.h"

#include "l1vmm/arch/console.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/exits/msr.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/apic.h"
#include "l1vmm/vmx/cr.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/exit_path.h"
#include "l1vmm/vmx/shadow.h"
#include "l1vmm/vmx/stop.h"
#include "l1vmm/vmx/timer.h"
#include "l1vmm/vmx/tlb.h"
#include "nesting/entry.h"
#include "nesting/host_state.h"
#include "nesting/link.h"
#include "nesting/pdpte.h"

/* Of CR0, what a VM exit leaves alone and is not the hypervisor's: SDM volume 3, 28.5.1. */
#define CR0_KEPT_BY_EXIT (CR0_CD | CR0_NW)

/* VMX-abort indicators: SDM volume 3, 28.7. */
#define ABORT_STORING_MSRS 1
#define ABORT_PDPTES	   2
#define ABORT_LOADING_MSRS 4

static void write_current(void *ctx, enum vmcs_field field, uint64_t value)
{
	vmcs_write(ctx, field, value);
}

static uint64_t read_current(void *ctx, enum vmcs_field field)
{
	return vmcs_read(ctx, field);
}

void nested_flush_vpid(struct vcpu *v, uint16_t vpid02, enum invalidation what, uint64_t gva)
{
	if (!vpid02)
		return;
	v->cost.invalidations++;
	v->cost.vmx_other++;
	invvpid(v->invalidation.type[what], vpid02, gva);
}

static uint64_t l2_efer(struct vcpu *v)
{
	return v->nested->paging_on ? v->nested->paging.efer : vmcs_read(v, VMCS_GUEST_IA32_EFER);
}

/* EFER of L2: SDM volume 3, 4.1.1. */
static bool l2_write_efer(struct vcpu *v, uint64_t value)
{
	uint64_t now = l2_efer(v);

	if ((value & ~EFER_OFFERED) ||
	    (((value ^ now) & EFER_LME) && (vmcs_read(v, VMCS_GUEST_CR0) & CR0_PG)))
		return false;
	value = (value & ~EFER_LMA) | (now & EFER_LMA);
	if (v->nested->paging_on)
		nested_paging_write_efer(v, value);
	else
		vmcs_write(v, VMCS_GUEST_IA32_EFER, value);
	return true;
}

/* L1's clock, which L1 has left to L2. */
static void l2_write_tsc(struct vcpu *v, uint64_t value)
{
	uint64_t offset12 = nested_tsc_offset12(v);

	v->nested->timer_end -= v->tsc_offset;
	v->tsc_offset = value - rdtsc();
	v->nested->timer_end += v->tsc_offset;
	v->nested->tsc_written = true;
	vmcs_write(v, VMCS_TSC_OFFSET, v->tsc_offset + offset12);
}

uint64_t nested_tsc_offset12(const struct vcpu *v)
{
	const struct vmcs12 *v12 = v->nested->vmx.vmcs12;

	return vmcs12_get(v12, VMCS_PRIMARY_CONTROLS) & CONTROL_PRIMARY_TSC_OFFSETTING
		       ? vmcs12_get(v12, VMCS_TSC_OFFSET)
		       : 0;
}

bool nested_read_msr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	if (v->nested->vmx.in_l2 && msr == MSR_IA32_EFER) {
		*value = l2_efer(v);
		return true;
	}
	if (!msr_read(v, msr, value))
		return false;
	if (v->nested->vmx.in_l2 && msr == MSR_IA32_TIME_STAMP_COUNTER)
		*value += nested_tsc_offset12(v);
	return true;
}

bool nested_write_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	if (v->nested->vmx.in_l2 && msr == MSR_IA32_EFER)
		return l2_write_efer(v, value);
	if (v->nested->vmx.in_l2 && msr == MSR_IA32_TIME_STAMP_COUNTER) {
		l2_write_tsc(v, value);
		return true;
	}
	return msr_write(v, msr, value);
}

bool nested_forbids_cr0(const struct vcpu *v, uint64_t value)
{
	return v->nested->vmx.on && (~value & v->nested->vmx.offered.cr0_fixed0);
}

bool nested_forbids_cr4(const struct vcpu *v, uint64_t value)
{
	return v->nested->vmx.on && (~value & v->nested->vmx.offered.cr4_fixed0);
}

/* What L2 gets of L1's registers.  @pre vmcs01 is current */
static void prepare_base(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;
	struct vmcs02_base *b = &nested_vmcs02(n)->base;

	if (b->tsc_offset != v->tsc_offset) {
		b->tsc_offset = v->tsc_offset;
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

/* Where the processor finds L2's task priority, and stores it. */
static void choose_virtual_apic(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;
	const struct vmcs12 *v12 = n->vmx.vmcs12;
	uint64_t gpa = vmcs12_get(v12, VMCS_VIRTUAL_APIC_PAGE_ADDR);
	uint64_t hpa;

	if (!nested_holds(&n->vmx, vmcs12_slot(VMCS_VIRTUAL_APIC_PAGE_ADDR)) &&
	    !nested_holds(&n->vmx, vmcs12_slot(VMCS_PRIMARY_CONTROLS)))
		return;
	if (!(vmcs12_get(v12, VMCS_PRIMARY_CONTROLS) & CONTROL_PRIMARY_USE_TPR_SHADOW))
		return;
	hpa = (uint64_t)vm_memory(v->vm, gpa, PAGE_SIZE);
	if (!hpa)
		hpa = n->no_apic;
	if (hpa == nested_vmcs02(n)->base.virtual_apic)
		return;
	if (hpa != n->no_apic)
		vm_written(v->vm, gpa, PAGE_SIZE); /* from now on */
	nested_hold(&n->vmx, VMCS_VIRTUAL_APIC_PAGE_ADDR);
	nested_vmcs02(n)->base.virtual_apic = hpa;
}

static void use_vmcs02(struct vcpu *v)
{
	if (v->nested->linked)
		nested_shadow_take(v);
	else
		nested_make_current(v, nested_vmcs02(v->nested)->vmcs);
	v->nested->vmcs02_current = true;
}

/* @pre vmcs02 is current */
static void use_vmcs01(struct vcpu *v)
{
	if (v->nested->linked)
		nested_shadow_give(v);
	nested_make_current(v, v->vmcs);
	v->nested->vmcs02_current = false;
}

/* What waits for L1 goes on waiting, but its timer runs while L2 does. */
static void put_off_requests(struct vcpu *v)
{
	if (v->requests & REQUEST_TIMER)
		timer_prepare_wait(v);
	v->nested->requests = v->requests & REQUEST_TIMER;
	v->requests = 0;
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
		use_vmcs01(v);
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

enum exit_action nested_enter(struct vcpu *v, bool launch)
{
	const struct vmcs_ops to = {.read = read_current, .write = write_current, .ctx = v};
	struct vcpu_nested *n = v->nested;
	enum entry_check check;
	uint32_t number = 0;
	bool paged;

	n->launching12 = false;
	n->launching02 = false;
	prepare_base(v);
	link_prepare(&n->vmx);
	use_vmcs02(v);
	check = nested_entry_check(&n->vmx, v->efer & EFER_LMA);
	if (check != ENTRY_PASSED)
		return refuse(v, check, entry_check_info(check)->failure.qualification);
	choose_ept02(v);
	paged = unlikely(vcpu_is_shadowed(v)) && nested_paging_choose(v);
	if (!paged)
		choose_vpid02(v);
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
	if (vmcs12_has_timer(n->vmx.vmcs12))
		nested_timer_start(v);
	if (vmcs12_get(n->vmx.vmcs12, VMCS_ENTRY_INTR_INFO) & INTR_INFO_VALID) {
		nested_interrupt_later(v);
	} else {
		nested_set(&n->vmx, VMCS_IDT_VECTORING_INFO, 0);
		if (nested_interrupted(v))
			return EXIT_RETRY;
		if (v->event)
			event_inject(v);
	}
	v->cost.nested_entries++;
	n->launching02 = !nested_vmcs02(n)->launched;
	if (n->launching02)
		launch_vmcs02(v);
	return EXIT_RETRY;
}

/*
 * An exit that cannot be completed: the processor shuts down, and the reason stands in the region
 * (SDM volume 3, 28.7).
 */
static _Noreturn void abort_vmx(struct vcpu *v, uint32_t indicator)
{
	struct vmcs12 *region = vm_memory(v->vm, v->nested->vmx.current, sizeof(*region));

	if (region)
		region->abort = indicator;
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

static void load_l1(struct vcpu *v)
{
	const struct vmcs_ops to = {.read = read_current, .write = write_current, .ctx = v};
	struct vcpu_nested *n = v->nested;
	const struct vmcs12 *v12 = n->vmx.vmcs12;

	use_vmcs01(v);
	n->vmx.in_l2 = false;
	host_state_load(v12, &to);
	if (n->nmi_blocked)
		vmcs_write(v, VMCS_GUEST_INTERRUPTIBILITY, BLOCKING_BY_NMI);
	load_control_registers(v, v12);
	if (vmcs12_get(v12, VMCS_EXIT_MSR_LOAD_COUNT) && !nested_exit_load_msrs(&n->vmx))
		abort_vmx(v, ABORT_LOADING_MSRS);
	if (n->tsc_written)
		vmcs_write(v, VMCS_TSC_OFFSET, v->tsc_offset);
	n->tsc_written = false;
	if (!nested_vmcs02(n)->vpid12 && !vcpu_is_shadowed(v))
		tlb_flush_guest(v);
	v->event = 0;
	v->event_length = 0;
	v->requests = n->requests | (v->requests & REQUEST_TIMER);
	apic_changed(v);
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

/* What an exit does to vmcs12 beside what vmcs02 has: SDM volume 3, 28.2 and 28.3. */
void nested_leave(struct vcpu *v)
{
	struct nested *n = &v->nested->vmx;
	struct vmcs12 *v12 = n->vmcs12;
	uint64_t lma = vmcs_read(v, VMCS_ENTRY_CONTROLS) & CONTROL_ENTRY_IA32E_MODE_GUEST;
	uint64_t entry = vmcs12_get(v12, VMCS_ENTRY_CONTROLS);

	if (unlikely(v->nested->paging_on))
		nested_paging_leave(v);
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

/* The entry has not happened, so VMLAUNCH has not launched. */
static void undo_launch(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;

	if (n->launching02)
		nested_vmcs02(n)->launched = false;
	if (n->launching12)
		n->vmx.vmcs12->launched = 0;
}

void nested_entry_refused(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;
	int number = (int)vmcs_read(v, VMCS_INSTRUCTION_ERROR);

	undo_launch(v);
	if (n->paging_on)
		nested_paging_leave(v);
	use_vmcs01(v);
	n->vmx.in_l2 = false;
	if (vcpu_is_shadowed(v))
		shadow_reload(v);
	nested_finish(v, nested_fail(&n->vmx, number));
	v->rip = vmcs_read(v, VMCS_GUEST_RIP);
	advance(v);
	if (!v->telemetry.on)
		vmx_resume_quiet(v);
	vmx_resume(v);
}

/* Nothing of L2's state has been loaded, so none is saved, and the event is still to be injected.
 */
void nested_entry_failed(struct vcpu *v)
{
	undo_launch(v);
	if (v->nested->paging_on)
		nested_paging_leave(v);
	if (v->nested->tells)
		tell(v);
	load_l1(v);
}
