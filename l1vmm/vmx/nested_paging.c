/*
 * A guest's guest on shadow tables: its page tables lie in L1's memory, as L1's own do, and are
 * shadowed with these.
 *
 * While L2 runs, vmcs02 has what the processor needs for that in CR0, CR3, CR4 and EFER; while L1
 * does, vmcs02 has them as L1 knows them.  Each change between the two is a load of another address
 * space, before which all tables are compared: what L1 has stored to L2's, and what it invalidates
 * by INVVPID or by an entry, counts from the next entry on whether it asks for that or not.
 */
#include "l1vmm/vmx/nested.h"

#include "l1vmm/vm.h"
#include "l1vmm/vmx/cr.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/shadow.h"
#include "l1vmm/vmx/stop.h"

/* What L2 must not do unseen, and what changes translations: see shadow/mmu.h. */
#define PRIMARY                                                              \
	(CONTROL_PRIMARY_INVLPG_EXITING | CONTROL_PRIMARY_CR3_LOAD_EXITING | \
	 CONTROL_PRIMARY_CR3_STORE_EXITING)
#define CR0_OWNED   (CR0_PE | CR0_PG | CR0_WP)
#define CR4_OWNED   (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP)
#define CR4_CLEARED (CR4_PGE | CR4_PCIDE)

/* What the hypervisor needs of L2, and with it who has what of CR0 and CR4, is another. */
static void change_kind(struct vcpu *v, bool paged)
{
	struct vcpu_nested *n = v->nested;
	struct vcpu_vmcs02 *vmcs02 = nested_vmcs02(n);
	struct vmcs02_base *b = &vmcs02->base;
	uint64_t cr0 = nested_get(&n->vmx, VMCS_GUEST_CR0);
	uint64_t cr4 = nested_get(&n->vmx, VMCS_GUEST_CR4);

	b->exceptions = paged ? BIT(VECTOR_PF) : 0;
	b->primary = paged ? PRIMARY : 0;
	b->cr0_fixed = paged ? n->cr0_fixed : n->plain_cr0_fixed;
	b->cr4_fixed = paged ? n->cr4_fixed : n->plain_cr4_fixed;
	/* The MMU flushes L1's at each change between the two. */
	b->vpid = paged ? v->vpid.number : n->vpids.slot[vmcs02->vpid_place].vpid02;
	n->vmx.cr0_owned = NESTED_CR0_OWNED | (paged ? CR0_OWNED : 0);
	n->vmx.cr4_owned = NESTED_CR4_OWNED | (paged ? CR4_OWNED : 0);
	nested_set(&n->vmx, VMCS_GUEST_CR0, cr0);
	nested_set(&n->vmx, VMCS_GUEST_CR4, cr4);
	nested_hold(&n->vmx, VMCS_PRIMARY_CONTROLS);
	nested_hold(&n->vmx, VMCS_CR3_TARGET_COUNT);
	vmcs02->paged = paged;
}

bool nested_paging_choose(struct vcpu *v)
{
	bool paged = vcpu_is_shadowed(v) && !vmcs12_uses_ept(v->nested->vmx.vmcs12);

	if (paged != nested_vmcs02(v->nested)->paged)
		change_kind(v, paged);
	return paged;
}

/* With PAE paging, the registers that VM entry has loaded from L2's CR3. */
static void keep_pdpte(void *ctx, enum vmcs_field field, uint64_t value)
{
	struct vcpu *v = ctx;

	v->nested->paging.pdpte[(field - VMCS_GUEST_PDPTE0) / 2] = value;
}

struct vmcs_ops nested_paging_pdptes(struct vcpu *v)
{
	return (struct vmcs_ops){.write = keep_pdpte, .ctx = v};
}

/* Of CR4, what the processor runs L2 with: see shadow/mmu.h. */
static uint64_t cr4_of_processor(const struct vcpu_nested *n, uint64_t cr4)
{
	return (cr4 | n->cr4_fixed) & ~(uint64_t)CR4_CLEARED;
}

void nested_paging_enter(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;
	struct paging_state *l2 = &n->paging;

	l2->cr0 = nested_get(&n->vmx, VMCS_GUEST_CR0);
	l2->cr3 = vmcs_read(v, VMCS_GUEST_CR3);
	l2->cr4 = nested_get(&n->vmx, VMCS_GUEST_CR4);
	l2->efer = vmcs_read(v, VMCS_GUEST_IA32_EFER);
	l2->maxphyaddr = v->maxphyaddr;
	l2->pages_1g = v->pages_1g;
	vmcs_write(v, VMCS_GUEST_CR4, cr4_of_processor(n, l2->cr4));
	vmcs_write(v, VMCS_GUEST_IA32_EFER, efer_real(v, l2->efer));
	/* Each load of CR3 is an exit, whatever values L1 lets pass. */
	if (vmcs12_get(n->vmx.vmcs12, VMCS_CR3_TARGET_COUNT))
		vmcs_write(v, VMCS_CR3_TARGET_COUNT, 0);
	shadow_use(v, l2);
	n->paging_on = true;
}

void nested_paging_leave(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;

	vmcs_write(v, VMCS_GUEST_CR3, n->paging.cr3);
	vmcs_write(v, VMCS_GUEST_IA32_EFER, n->paging.efer);
	n->paging_on = false;
}

struct mmu_result nested_paging_fault(struct vcpu *v, uint32_t error_code)
{
	struct mmu_result result = shadow_resolve(v, v->detail, error_code);

	/* A table of its own or of L1's, which the next change compares. */
	if (result.outcome == MMU_EMULATE)
		mmu_unprotect(&v->mmu, result.gpa);
	if (result.outcome == MMU_UNREACHABLE)
		vcpu_stop(v, STOP_BAD_MEMORY, "gpa=0x%lx what=page-table linear=0x%lx level=2",
			  result.gpa, v->detail);
	return result;
}

/* What L2 has changed of its registers counts at once.  False: one of its PDPTEs is malformed. */
static bool change(struct vcpu *v, const struct paging_state *to)
{
	struct paging_state state = *to;

	if (paging_mode(&state) == PAGING_PAE && !guest_read_pdptes(v, state.cr3, state.pdpte))
		return false;
	v->nested->paging = state;
	shadow_use(v, &state);
	return true;
}

bool nested_paging_write_cr3(struct vcpu *v, uint64_t value)
{
	struct paging_state state = v->nested->paging;

	if (paging_mode(&state) == PAGING_4LEVEL && value >> state.maxphyaddr)
		return false;
	state.cr3 = value;
	return change(v, &state);
}

bool nested_paging_write_cr0(struct vcpu *v, uint64_t value)
{
	const struct vmx_capabilities *offered = &v->nested->vmx.offered;
	struct paging_state state = v->nested->paging;

	if (value >> 32 || (~value & offered->cr0_fixed0) ||
	    ((value & CR0_NW) && !(value & CR0_CD)))
		return false;
	state.cr0 = value;
	return change(v, &state);
}

bool nested_paging_write_cr4(struct vcpu *v, uint64_t value)
{
	const struct vmx_capabilities *offered = &v->nested->vmx.offered;
	struct paging_state state = v->nested->paging;

	if ((value & ~offered->cr4_fixed1) || (~value & offered->cr4_fixed0) ||
	    ((state.efer & EFER_LMA) && !(value & CR4_PAE)))
		return false;
	state.cr4 = value;
	if (!change(v, &state))
		return false;
	vmcs_write(v, VMCS_GUEST_CR4, cr4_of_processor(v->nested, value));
	return true;
}

void nested_paging_write_efer(struct vcpu *v, uint64_t value)
{
	struct paging_state state = v->nested->paging;

	state.efer = value;
	vmcs_write(v, VMCS_GUEST_IA32_EFER, efer_real(v, value));
	change(v, &state);
}

void nested_paging_resume_l1(struct vcpu *v, uint64_t cr0, uint64_t cr4)
{
	const struct vcpu_nested *n = v->nested;
	struct paging_state state = {
		.cr0 = cr0,
		.cr3 = v->cr3,
		.cr4 = cr4,
		.efer = v->efer,
		.maxphyaddr = v->maxphyaddr,
		.pages_1g = v->pages_1g,
	};

	for (unsigned i = 0; i < 4; i++)
		state.pdpte[i] = v->pdpte[i];
	vmcs_write(v, VMCS_GUEST_CR4, cr4_of_processor(n, cr4));
	vmcs_write(v, VMCS_GUEST_IA32_EFER, efer_real(v, v->efer));
	shadow_use(v, &state);
}
