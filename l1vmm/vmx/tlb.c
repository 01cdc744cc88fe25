#include "l1vmm/vmx/tlb.h"

#include <stddef.h>

#include "l1vmm/arch/msr.h"
#include "l1vmm/vmx/nested.h"
#include "l1vmm/vmx/vmx.h"

#define CAPABLE_INVEPT	BIT(20)
#define CAPABLE_INVVPID BIT(32)

void tlb_flush_ept(void *vcpu)
{
	struct vcpu *v = vcpu;

	v->cost.invalidations++;
	v->cost.vmx_other++;
	invept(v->invalidation.type[INVALIDATE_EPT_CONTEXT], v->eptp);
	if (v->nested)
		nested_forget_ept02(v);
}

void tlb_forget_vpids(void *unused)
{
	(void)unused;
	invvpid(invalidation_types(vmx_capability(MSR_IA32_VMX_EPT_VPID_CAP))
			.type[INVALIDATE_VPID_ALL],
		0, 0);
}

void tlb_forget_all(void)
{
	uint64_t offered = vmx_capability(MSR_IA32_VMX_EPT_VPID_CAP);

	if (offered & CAPABLE_INVEPT)
		invept(invalidation_types(offered).type[INVALIDATE_EPT_ALL], 0);
	if (offered & CAPABLE_INVVPID)
		tlb_forget_vpids(NULL);
}
