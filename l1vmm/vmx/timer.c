#include "l1vmm/vmx/timer.h"

#include "l1vmm/arch/apic.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/exits/msr.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/apic.h"

/* IA32_VMX_MISC bits 4:0: the preemption timer counts when this bit of the TSC changes. */
#define PREEMPTION_RATE 0x1f

/* Ticks from now on until the guest's timer is due; UINT64_MAX: never. */
static uint64_t ticks_left(const struct vcpu *v)
{
	uint64_t next = lapic_timer_next(&v->lapic);
	uint64_t now;

	if (next == UINT64_MAX)
		return next;
	now = rdtsc_ordered() + v->tsc_offset;
	return next > now ? next - now : 0;
}

static void arm_processor(struct vcpu *v, uint64_t left)
{
	if (left != UINT64_MAX)
		host_timer_start(left);
	else if (v->timer_armed)
		host_timer_stop();
	v->timer_armed = left != UINT64_MAX;
}

static void enable_preemption(struct vcpu *v, bool wanted)
{
	uint32_t *pin = &v->controls.word[CONTROL_PIN];
	uint32_t now = wanted ? *pin | CONTROL_PIN_PREEMPTION_TIMER
			      : *pin & ~(uint32_t)CONTROL_PIN_PREEMPTION_TIMER;

	if (now != *pin) {
		*pin = now;
		vmcs_write(v, VMCS_PIN_BASED_CONTROLS, now);
	}
}

/* The timer stops at each exit: as long as it is wanted, each entry has to set it. */
static void arm_preemption(struct vcpu *v, uint64_t left)
{
	unsigned shift = rdmsr(MSR_IA32_VMX_MISC) & PREEMPTION_RATE;
	uint64_t count;

	enable_preemption(v, left != UINT64_MAX);
	if (left == UINT64_MAX)
		return;
	count = (left >> shift) + (left & ((UINT64_C(1) << shift) - 1) ? 1 : 0);
	vmcs_write(v, VMCS_PREEMPTION_TIMER_VALUE, count < UINT32_MAX ? count : UINT32_MAX);
	v->requests |= REQUEST_TIMER;
}

void timer_prepare(struct vcpu *v)
{
	v->requests &= ~(uint32_t)REQUEST_TIMER;
	if (v->vm->switches.timer == SW_TIMER_PREEMPT)
		arm_preemption(v, ticks_left(v));
	else
		arm_processor(v, ticks_left(v));
}

/* It may be early, where the TSC was set back or the count was too long for the timer. */
void timer_interrupt(struct vcpu *v)
{
	v->timer_armed = false;
	lapic_timer_poll(&v->lapic);
	if (v->lapic.timer.expiry)
		v->requests |= REQUEST_TIMER;
	apic_changed(v);
}

void timer_stop(struct vcpu *v)
{
	arm_processor(v, UINT64_MAX);
	v->requests |= REQUEST_TIMER;
}

bool timer_prepare_wait(struct vcpu *v)
{
	uint64_t left = ticks_left(v);

	arm_processor(v, left);
	v->requests |= REQUEST_TIMER;
	return left != UINT64_MAX;
}
