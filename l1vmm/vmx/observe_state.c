/* The state of the guest that the view needs otherwise than the stack has it. */
#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/observe.h"
#include "l1vmm/vmx/stop.h"

/*
 * With EPT the guest has these to itself.  The view needs CR0.PG and CR0.WP, and global pages are
 * for the model to keep.
 */
#define CR0_VIEWED (CR0_PE | CR0_WP)
#define CR4_VIEWED CR4_PGE

static void take_stack(struct observe_state *s)
{
	s->cr0 = vmread(VMCS_GUEST_CR0);
	s->cr3 = vmread(VMCS_GUEST_CR3);
	s->cr4 = vmread(VMCS_GUEST_CR4);
	s->efer = vmread(VMCS_GUEST_IA32_EFER);
	for (unsigned i = 0; i < 4; i++)
		s->pdpte[i] = vmread(VMCS_GUEST_PDPTE0 + 2 * i);
}

/* The guest's own view of its paging, from what its hypervisor keeps in the VMCS. */
static void take_paging(struct vcpu *v)
{
	const struct observe_state *s = &v->observe->stack;
	struct paging_state *state = &v->observe->state;

	state->cr0 = (s->cr0 & ~v->cr0_mask) | (vmread(VMCS_CR0_READ_SHADOW) & v->cr0_mask);
	state->cr4 = (s->cr4 & ~v->cr4_mask) | (vmread(VMCS_CR4_READ_SHADOW) & v->cr4_mask);
	state->cr3 = s->cr3;
	state->efer = v->efer;
	for (unsigned i = 0; i < 4; i++)
		state->pdpte[i] = s->pdpte[i];
}

/* The requirements are those of shadow tables: cr0_real(), cr4_real() and efer_real() in cr.c. */
static void run_without_own_tables(struct vcpu *v)
{
	const struct observe_state *s = &v->observe->stack;
	uint64_t cr4 = (s->cr4 | CR4_PAE) & ~(CR4_PGE | CR4_PCIDE | CR4_PKE);

	if (!(s->cr0 & CR0_PE))
		vcpu_stop(v, STOP_OBSERVED, "what=real-mode cr0=0x%lx", s->cr0);
	if (!v->paging)
		cr4 &= ~(CR4_SMEP | CR4_SMAP);
	vmwrite(VMCS_CR0_READ_SHADOW, v->observe->state.cr0);
	vmwrite(VMCS_CR4_READ_SHADOW, v->observe->state.cr4);
	vmwrite(VMCS_CR0_GUEST_HOST_MASK, v->cr0_mask | CR0_VIEWED);
	vmwrite(VMCS_CR4_GUEST_HOST_MASK, v->cr4_mask | CR4_VIEWED);
	vmwrite(VMCS_GUEST_CR0, s->cr0 | CR0_PG | CR0_WP);
	vmwrite(VMCS_GUEST_CR4, cr4);
	vmwrite(VMCS_GUEST_IA32_EFER,
		(s->efer & EFER_LMA ? s->efer : s->efer & ~EFER_LME) | EFER_NXE);
}

void observe_enter(struct vcpu *v)
{
	struct observe *o = v->observe;
	unsigned levels;

	take_stack(&o->stack);
	levels = o->stack.efer & EFER_LMA ? 4 : 3;
	if (levels != o->tlb.view.levels) {
		tlb_observatory_flush(&o->tlb, true);
		tlb_view_reset(&o->tlb.view, levels);
		o->tlb.dirty = true;
	}
	if (o->ept) {
		take_paging(v);
		run_without_own_tables(v);
	}
	vmwrite(VMCS_GUEST_CR3, tlb_view_root(&o->tlb.view));
	for (unsigned i = 0; o->ept && levels == 3 && i < 4; i++)
		vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, tlb_view_pdpte(&o->tlb.view, i));
	observe_settle(v);
}

void observe_settle(struct vcpu *v)
{
	if (v->observe->tlb.dirty && v->vpid.number)
		invvpid(v->invalidation.type[INVALIDATE_VPID_CONTEXT], v->vpid.number, 0);
	v->observe->tlb.dirty = false;
}

/* What the guest has changed without an exit is in the VMCS; the rest is as it was. */
static uint64_t merge(enum vmcs_field field, uint64_t stack, uint64_t mask)
{
	return (vmread(field) & ~mask) | (stack & mask);
}

void observe_leave(struct vcpu *v)
{
	const struct observe_state *s = &v->observe->stack;

	vmwrite(VMCS_GUEST_CR3, s->cr3);
	if (!v->observe->ept)
		return;
	vmwrite(VMCS_GUEST_CR0, merge(VMCS_GUEST_CR0, s->cr0, v->cr0_mask | CR0_VIEWED));
	vmwrite(VMCS_GUEST_CR4, merge(VMCS_GUEST_CR4, s->cr4, v->cr4_mask | CR4_VIEWED));
	vmwrite(VMCS_CR0_GUEST_HOST_MASK, v->cr0_mask);
	vmwrite(VMCS_CR4_GUEST_HOST_MASK, v->cr4_mask);
	vmwrite(VMCS_GUEST_IA32_EFER, s->efer);
	for (unsigned i = 0; i < 4; i++)
		vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, s->pdpte[i]);
}
