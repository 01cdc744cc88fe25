/*
 * Invalidation of what the processor has cached of a guest's translations.
 */
#ifndef L1VMM_VMX_TLB_H
#define L1VMM_VMX_TLB_H

#include "l1vmm/vmx/vcpu.h"

/*
 * Forgets all translations of the guest's own tables, as a write to CR0, CR3 or CR4 that the
 * hypervisor carries out must.  With tlb=flush, VM entry does so anyway (SDM volume 3, 29.4.3.1).
 */
static inline void tlb_flush_guest(struct vcpu *v)
{
	if (!v->vpid)
		return;
	v->cost.invalidations++;
	v->cost.vmx_other++;
	invvpid(INVVPID_SINGLE_CONTEXT, v->vpid, 0);
}

/* The same for the translation of one address, `gva`. */
static inline void tlb_flush_guest_page(struct vcpu *v, uint64_t gva)
{
	if (!v->vpid)
		return;
	v->cost.invalidations++;
	v->cost.vmx_other++;
	invvpid(INVVPID_ADDRESS, v->vpid, gva);
}

#endif
