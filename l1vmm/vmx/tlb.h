/*
 * Invalidation of what the processor has cached of a guest's translations, each time by the
 * narrowest means that it has.
 */
#ifndef L1VMM_VMX_TLB_H
#define L1VMM_VMX_TLB_H

#include "l1vmm/vmx/vcpu.h"

/* With tlb=flush, VM entry forgets by itself what INVVPID would (SDM volume 3, 29.4.3.1). */
static inline void tlb_invvpid(struct vcpu *v, enum invalidation what, uint64_t gva)
{
	if (!v->vpid.number)
		return;
	v->cost.invalidations++;
	v->cost.vmx_other++;
	invvpid(v->invalidation.type[what], v->vpid.number, gva);
}

/*
 * Forgets all translations of the guest's own tables, as a write to CR0 or CR4 that the hypervisor
 * carries out must.
 */
static inline void tlb_flush_guest(struct vcpu *v)
{
	tlb_invvpid(v, INVALIDATE_VPID_CONTEXT, 0);
}

/* The same but for global pages, as a write to CR3 must. */
static inline void tlb_flush_guest_non_global(struct vcpu *v)
{
	tlb_invvpid(v, INVALIDATE_VPID_NON_GLOBAL, 0);
}

/* The same for the translation of one address, `gva`. */
static inline void tlb_flush_guest_page(struct vcpu *v, uint64_t gva)
{
	tlb_invvpid(v, INVALIDATE_VPID_ADDRESS, gva);
}

/* Forgets what was translated by the EPT of this vCPU (struct ept_config). */
void tlb_flush_ept(void *vcpu);

/* Forgets what is tagged with any VPID but 0 (struct vpid_pool). */
void tlb_forget_vpids(void *unused);

/* Forgets all that anybody has left in this processor. */
void tlb_forget_all(void);

#endif
