/* RDTSC and RDTSCP under tsc=trap, and the end of a wait under timer=preempt. */
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/vmx/timer.h"

enum exit_action exit_rdtsc(struct vcpu *v)
{
	uint64_t now = tsc_of_guest(&v->tsc, rdtsc());

	v->regs[RAX] = (uint32_t)now;
	v->regs[RDX] = now >> 32;
	return EXIT_ADVANCE;
}

enum exit_action exit_rdtscp(struct vcpu *v)
{
	v->regs[RCX] = (uint32_t)rdmsr(MSR_IA32_TSC_AUX); /* the guest's: it is not switched */
	return exit_rdtsc(v);
}

enum exit_action exit_preemption_timer(struct vcpu *v)
{
	timer_interrupt(v);
	return EXIT_RETRY;
}
