#include "l1vmm/vmx/ipi.h"

#include "l1vmm/arch/apic.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/percpu.h"
#include "l1vmm/arch/wait.h"
#include "l1vmm/smp.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/apic.h"
#include "l1vmm/vmx/around.h"
#include "l1vmm/vmx/exit_record.h"
#include "l1vmm/vmx/nested.h"
#include "l1vmm/vmx/startup.h"
#include "l1vmm/vmx/stop.h"
#include "l1vmm/vmx/timer.h"

#define STARTUP_PAGE(signals) ((uint8_t)((signals) >> 8))

/*
 * around=masked: a guest that was entered with IF clear may not be interrupted until it sets it,
 * which a vector has to wait for anyway, and nothing else has.  To a hypervisor with a guest a
 * vector is something else, too: an exit whatever IF is.
 */
static void kick(const struct vcpu *v, const struct lapic_ipi *ipi)
{
	bool is_vector = lapic_is_vector(ipi);
	uint8_t vector = is_vector && v->posted ? VECTOR_HOST_POSTED : VECTOR_HOST_KICK;
	bool waits = is_vector && !(v->nested && v->nested->vmx.on);

	if (v->vm->switches.around == SW_AROUND_NONE || (waits && !v->lapic.by_processor))
		host_apic_send(v->cpu->apic_id, vector);
	else if (waits)
		around_send(v, vector);
	else
		host_apic_send_nmi(v->cpu->apic_id);
}

/* An INIT to oneself has been taken note of already: it comes about with the next entry. */
void ipi_send(struct vcpu *v, const struct lapic_ipi *ipi)
{
	struct vm *vm = v->vm;

	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *to = &vm->vcpus[i];

		if (to != v && lapic_is_destination(&to->lapic, ipi) && lapic_post(&to->lapic, ipi))
			kick(to, ipi);
	}
	if (ipi->mode == LAPIC_INIT && (v->lapic.signals & LAPIC_SIGNAL_INIT))
		kick(v, ipi);
}

bool ipi_init_counts(const struct vcpu *v)
{
	return !(v->nested && v->nested->vmx.on && !v->nested->vmx.in_l2);
}

static void forget_startup(struct vcpu *v)
{
	v->lapic.signals &= ~LAPIC_SIGNAL_MESSAGE;
}

/* One that finds no INIT before it starts nobody, nor later: SDM volume 3, 26.2. */
static void forget_void_startup(struct vcpu *v)
{
	if (!v->awaits_startup && (!ipi_has_init(v) || nested_runs_l2(v)))
		forget_startup(v);
}

/* Who counts vCPUs that wait must not find this one among them with its mailbox empty already. */
void ipi_kicked(struct vcpu *v)
{
	smp_park_if_ending();
	if (v->helpless) {
		v->helpless = false;
		__atomic_fetch_sub(&v->vm->helpless, 1, __ATOMIC_SEQ_CST);
	}
	lapic_collect(&v->lapic);
	forget_void_startup(v);
	apic_changed(v);
}

void ipi_kicked_by_nmi(void)
{
	const struct cpu *cpu = this_cpu();

	if (!cpu->vcpu || cpu->vcpu->vm->vcpu_count == 1)
		return;
	host_apic_send(cpu->apic_id, VECTOR_HOST_KICK);
	if (cpu->vcpu->nested)
		nested_exit_soon(cpu->vcpu);
}

static bool has_no_mail(const struct vm *vm)
{
	for (uint32_t i = 0; i < vm->vcpu_count; i++)
		if (lapic_has_mail(&vm->vcpus[i].lapic))
			return false;
	return true;
}

void ipi_check_helpless(struct vcpu *v)
{
	struct vm *vm = v->vm;

	if (!v->helpless) {
		v->helpless = true;
		__atomic_fetch_add(&vm->helpless, 1, __ATOMIC_SEQ_CST);
	}
	/* In this order: see ipi_kicked(). */
	if (has_no_mail(vm) && __atomic_load_n(&vm->helpless, __ATOMIC_SEQ_CST) == vm->vcpu_count)
		vcpu_stop(v, STOP_HALTED, "pending=%d", lapic_pending(&v->lapic));
}

static void wait_for_signals(struct vcpu *v, uint32_t signals)
{
	while (!(v->lapic.signals & signals)) {
		if (!timer_prepare_keeping(v))
			ipi_check_helpless(v);
		host_wait();
		timer_waited(v);
	}
}

static uint8_t wait_for_message(struct vcpu *v)
{
	v->awaits_startup = true;
	lapic_suppress(&v->lapic);
	wait_for_signals(v, LAPIC_SIGNAL_STARTUP);
	lapic_go_on(&v->lapic);
	v->awaits_startup = false;
	return STARTUP_PAGE(v->lapic.signals);
}

void ipi_wait_for_startup(struct vcpu *v)
{
	startup_begin(v, wait_for_message(v));
	v->lapic.signals &= LAPIC_SIGNAL_EXTINT;
}

uint8_t ipi_wait_for_startup_of_l2(struct vcpu *v)
{
	uint64_t start = rdtsc_ordered();
	uint8_t page;

	__atomic_store_n(&v->lapic.init_blocked, true, __ATOMIC_RELAXED);
	forget_startup(v);
	page = wait_for_message(v);
	forget_startup(v);
	__atomic_store_n(&v->lapic.init_blocked, false, __ATOMIC_RELAXED);
	record_waited(v, start);
	return page;
}

/*
 * Of an INIT and a start-up message that have come together the INIT was the first: the other one
 * would have been void.
 */
static void take_init(struct vcpu *v)
{
	uint64_t start = rdtsc_ordered();
	uint32_t startup = v->lapic.signals & LAPIC_SIGNAL_MESSAGE;

	if (v->lapic.base & APIC_BASE_BSP)
		vcpu_stop(v, STOP_INIT, "signals=0x%x", v->lapic.signals);
	lapic_reset(&v->lapic);
	v->lapic.signals |= startup;
	ipi_wait_for_startup(v);
	record_waited(v, start);
}

void ipi_take_signals(struct vcpu *v)
{
	if (ipi_has_init(v) && !nested_runs_l2(v))
		take_init(v);
}
