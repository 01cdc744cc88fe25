/*
 * The preemption timer of a guest's guest.  The processor counts it while L2 runs; the time that an
 * exit of the hypervisor's own takes is L2's, too, as the time stamp counter shows it.
 */
#include "l1vmm/arch/cpu.h"
#include "l1vmm/vmx/nested.h"

static uint64_t now(const struct vcpu *v)
{
	return tsc_of_guest(&v->tsc, rdtsc_ordered());
}

static unsigned rate(const struct vcpu *v)
{
	return v->nested->vmx.offered.misc & VMX_MISC_TIMER_RATE;
}

void nested_timer_start(struct vcpu *v)
{
	uint64_t value = vmcs_read(v, VMCS_PREEMPTION_TIMER_VALUE);

	v->nested->timer_end = now(v) + (value << rate(v));
}

void nested_timer_go_on(struct vcpu *v)
{
	uint64_t end = v->nested->timer_end, at = now(v);
	uint64_t left = end > at ? end - at : 0;

	vmcs_write(v, VMCS_PREEMPTION_TIMER_VALUE,
		   (left >> rate(v)) + ((left & ((UINT64_C(1) << rate(v)) - 1)) != 0));
}
