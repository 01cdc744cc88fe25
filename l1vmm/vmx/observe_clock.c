/* The clock, which stands still while the observatory works. */
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/vmx/exit.h"
#include "l1vmm/vmx/observe.h"

static bool can_single_step(void)
{
	uint32_t msr = rdmsr(MSR_IA32_VMX_BASIC) & BIT(55) ? MSR_IA32_VMX_TRUE_PROCBASED_CTLS
							   : MSR_IA32_VMX_PROCBASED_CTLS;

	return rdmsr(msr) >> 32 & CONTROL_PRIMARY_MONITOR_TRAP_FLAG;
}

static void single_step(struct vcpu *v, bool on)
{
	uint32_t *primary = &v->controls.word[CONTROL_PRIMARY];

	*primary &= ~(uint32_t)CONTROL_PRIMARY_MONITOR_TRAP_FLAG;
	if (on || v->observe->trace)
		*primary |= CONTROL_PRIMARY_MONITOR_TRAP_FLAG;
	vmwrite(VMCS_PRIMARY_CONTROLS, *primary);
}

void observe_no_exit(struct vcpu *v, uint64_t tsc)
{
	(void)v;
	(void)tsc;
}

typedef void handle_exit(struct vcpu *v, uint64_t tsc);

static __attribute__((noinline)) uint64_t ticks_of(handle_exit *handler, struct vcpu *v)
{
	uint64_t before = rdtsc_ordered();

	handler(v, before);
	return rdtsc_ordered() - before;
}

/* Without an exit, and with a handler that does nothing, only what the observatory adds is left. */
void observe_clock_init(struct vcpu *v)
{
	struct observe_clock *clock = &v->observe->clock;
	/* Volatile, so that the compiler makes no copy of ticks_of() for each of the two. */
	handle_exit *volatile handler = vmx_handle_exit_observed;

	clock->handler = observe_no_exit;
	clock->stack = ticks_of(handler, v);
	handler = observe_no_exit;
	clock->stack -= ticks_of(handler, v);
	clock->handler = vmx_handle_exit;
	clock->calibrated = !can_single_step();
	if (!clock->calibrated)
		single_step(v, true);
}

/*
 * A single step behind an exit of the observatory's own takes one tick for the guest; the rest is
 * the way there and back.
 */
uint64_t observe_clock_begin(struct vcpu *v, uint64_t tsc, bool stepped)
{
	struct observe_clock *clock = &v->observe->clock;
	bool injected = v->telemetry.cur->flags & RECORD_F_INJECTED;

	if (clock->set)
		v->telemetry.cur->handled_ticks = clock->handled_ticks;
	if (clock->set && !clock->calibrated && stepped && !injected) {
		clock->own = tsc - clock->set - 1;
		clock->calibrated = true;
		single_step(v, false);
	}
	/* The delivery of an event that an entry injects is no instruction, and takes no tick. */
	return injected && vmread(VMCS_IDT_VECTORING_INFO) & INTR_INFO_VALID ? tsc + 1 : tsc;
}

uint64_t observe_clock_back(struct vcpu *v, uint64_t tsc, bool recorded, unsigned ticks)
{
	struct observe_clock *clock = &v->observe->clock;

	/* An exit without a record leaves the one before as it is. */
	clock->handled_ticks = recorded ? rdtsc() - tsc : v->telemetry.cur->handled_ticks;
	clock->set = tsc - clock->own + ticks;
	return clock->set;
}
