#include "l1vmm/vmx/nested.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/exits/msr.h"
#include "l1vmm/vmx/tlb.h"

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
	v->nested->timer_end += msr_set_tsc(v, value);
	v->nested->tsc_written = true;
	vmcs_write(v, VMCS_TSC_OFFSET, nested_tsc(v).offset);
}

struct guest_tsc nested_tsc(const struct vcpu *v)
{
	struct guest_tsc inner = vmcs12_tsc(v->nested->vmx.vmcs12);

	return tsc_compose(&v->tsc, &inner);
}

bool nested_read_msr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	if (v->nested->vmx.in_l2 && msr == MSR_IA32_EFER) {
		*value = l2_efer(v);
		return true;
	}
	if (v->nested->vmx.in_l2 && msr == MSR_IA32_TIME_STAMP_COUNTER) {
		struct guest_tsc tsc = nested_tsc(v);

		*value = tsc_of_guest(&tsc, rdtsc());
		return true;
	}
	return msr_read(v, msr, value);
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
