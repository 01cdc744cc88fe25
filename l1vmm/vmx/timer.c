#include "l1vmm/vmx/timer.h"

#include "l1vmm/arch/apic.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/percpu.h"
#include "l1vmm/exits/msr.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/apic.h"
#include "l1vmm/vmx/around.h"
#include "l1vmm/vmx/event.h"

/* IA32_VMX_MISC bits 4:0: the preemption timer counts when this bit of the TSC changes. */
#define PREEMPTION_RATE 0x1f

/* A time that is over, whatever the time is. */
#define DEADLINE_OVER 1

/* Ticks from now on until the guest's local APIC's is due; UINT64_MAX: never. */
static uint64_t apic_ticks_left(const struct vcpu *v)
{
	uint64_t left;

	if (!lapic_timer_matters(&v->lapic))
		return UINT64_MAX;
	left = lapic_timer_left(&v->lapic, tsc_of_guest(&v->tsc, rdtsc_ordered()));
	return tsc_ticks_of_processor(&v->tsc, left);
}

static __attribute__((noinline)) uint64_t ticks_left_of_both(const struct vcpu *v)
{
	uint64_t left = apic_ticks_left(v), now = rdtsc_ordered();
	uint64_t chipset = v->chipset_due > now ? v->chipset_due - now : 0;

	return chipset < left ? chipset : left;
}

/* Until any of the guest's timers is due. */
static uint64_t ticks_left(const struct vcpu *v)
{
	return __builtin_expect(v->chipset_due == CHIPSET_NEVER, 1) ? apic_ticks_left(v)
								    : ticks_left_of_both(v);
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

	arm_processor(v, UINT64_MAX); /* a wait may have ended before it went off */
	enable_preemption(v, left != UINT64_MAX);
	if (left == UINT64_MAX)
		return;
	count = (left >> shift) + (left & ((UINT64_C(1) << shift) - 1) ? 1 : 0);
	vmcs_write(v, VMCS_PREEMPTION_TIMER_VALUE, count < UINT32_MAX ? count : UINT32_MAX);
	v->requests |= REQUEST_TIMER;
}

/*
 * A deadline is one of the processor's own TSC: of another clock it would be another one.  What a
 * guest hypervisor leaves to its guest has to stay the hypervisor's.
 */
static bool can_be_direct(const struct vcpu *v)
{
	return v->vm->switches.timer == SW_TIMER_DIRECT && !around_needs_preemption(v) &&
	       (v->controls.word[CONTROL_PRIMARY] & CONTROL_PRIMARY_USE_MSR_BITMAPS) &&
	       v->tsc.multiplier == TSC_MULTIPLIER_1 && v->tsc.offset == 0 &&
	       v->chipset_due == CHIPSET_NEVER && !v->nested && lapic_awaits_deadline(&v->lapic);
}

/* The deadline that the processor waits for, 0: none.  Bochs keeps what is over in the MSR. */
static uint64_t direct_deadline(void)
{
	uint64_t deadline = rdmsr(MSR_IA32_TSC_DEADLINE);

	return deadline > rdtsc_ordered() ? deadline : 0;
}

static void set_direct(struct vcpu *v, bool direct)
{
	v->timer_direct = direct;
	msr_bitmap_set(v->msr_bitmap, MSR_IA32_TSC_DEADLINE, !direct, !direct);
}

/*
 * What is left of a deadline goes to the processor, unless it is the timer's count that has
 * interrupted just now: that could not be told from the deadline.
 */
static bool become_direct(struct vcpu *v)
{
	arm_processor(v, UINT64_MAX);
	if (host_timer_is_pending())
		return false;
	host_timer_by_deadline(true);
	wrmsr(MSR_IA32_TSC_DEADLINE, lapic_hand_deadline_over(&v->lapic));
	set_direct(v, true);
	return true;
}

/*
 * And comes back.  One that is over since timer_settle() has an interrupt of the processor waiting,
 * which makes an exit of the next entry, so that the guest's is delivered then.
 */
static void end_direct(struct vcpu *v)
{
	uint64_t deadline = direct_deadline();

	host_timer_by_deadline(false);
	if (host_timer_is_pending())
		lapic_write_deadline(&v->lapic, DEADLINE_OVER);
	lapic_hand_deadline_back(&v->lapic, deadline);
	set_direct(v, false);
}

void timer_prepare(struct vcpu *v)
{
	bool direct = can_be_direct(v);

	if (direct && !v->timer_direct)
		direct = become_direct(v);
	else if (!direct && v->timer_direct)
		end_direct(v);
	v->requests &= ~(uint32_t)REQUEST_TIMER;
	if (direct)
		return;
	if (v->vm->switches.timer == SW_TIMER_PREEMPT || around_needs_preemption(v))
		arm_preemption(v, ticks_left(v));
	else
		arm_processor(v, ticks_left(v));
}

/* The processor's timer is one for both: it has to be armed for what is left. */
static void poll_chipset(struct vcpu *v)
{
	if (__builtin_expect(v->chipset_due == CHIPSET_NEVER, 1))
		return;
	chipset_poll(v);
	v->requests |= REQUEST_TIMER;
}

/* It may be early, where the TSC was set back or the count was too long for the timer. */
void timer_interrupt(struct vcpu *v)
{
	v->timer_armed = false;
	if (v->timer_direct) /* the deadline that it had is over */
		lapic_write_deadline(&v->lapic, DEADLINE_OVER);
	lapic_timer_poll(&v->lapic);
	poll_chipset(v);
	if (v->lapic.timer.running)
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
	uint64_t left;

	if (v->timer_direct)
		return direct_deadline() || host_timer_is_pending();
	left = ticks_left(v);
	arm_processor(v, left);
	v->requests |= REQUEST_TIMER;
	return left != UINT64_MAX;
}

bool timer_prepare_keeping(struct vcpu *v)
{
	return v->vm->vcpu_count > 1 && v->chipset_due != CHIPSET_NEVER && timer_prepare_wait(v);
}

void timer_waited(struct vcpu *v)
{
	if (v->timer_direct && v->cpu->timer_went_off)
		lapic_write_deadline(&v->lapic, DEADLINE_OVER);
	else if (v->cpu->timer_went_off)
		v->timer_armed = false;
	v->cpu->timer_went_off = false;
	lapic_timer_poll(&v->lapic);
	poll_chipset(v);
}

void timer_settle_direct(struct vcpu *v)
{
	if (!host_timer_is_pending())
		return;
	__asm__ volatile("sti; nop; cli" : : : "memory");
	timer_waited(v);
}
