/* Interrupts, NMIs, exceptions, and waiting for them. */
#include "l1vmm/arch/apic.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/wait.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/boot/layout.h"
#include "l1vmm/exits/emulate.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/vmx/apic.h"
#include "l1vmm/vmx/chipset.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/exit_record.h"
#include "l1vmm/vmx/ipi.h"
#include "l1vmm/vmx/nested.h"
#include "l1vmm/vmx/panic.h"
#include "l1vmm/vmx/shadow.h"
#include "l1vmm/vmx/stop.h"
#include "l1vmm/vmx/timer.h"

/* The exit has blocked them until an IRET (SDM volume 3, 28.3): executes one. */
static void unblock_nmis(void)
{
	uint64_t scratch;

	__asm__ volatile("mov %%rsp, %0\n\t"
			 "pushq %1\n\t"
			 "push %0\n\t"
			 "pushfq\n\t"
			 "pushq %2\n\t"
			 "lea 1f(%%rip), %0\n\t"
			 "push %0\n\t"
			 "iretq\n\t"
			 "1:"
			 : "=&r"(scratch)
			 : "i"(HOST_DS), "i"(HOST_CS)
			 : "memory");
}

/* With shadow paging, page faults come this way; otherwise only NMIs do. */
enum exit_action exit_exception(struct vcpu *v)
{
	uint32_t info = (uint32_t)vmcs_read(v, VMCS_EXIT_INTR_INFO);

	if ((info & ~INTR_INFO_IRET_UNDONE) ==
	    (INTR_INFO_VALID | INTR_INFO_ERROR_CODE | INTR_TYPE_EXCEPTION | VECTOR_PF)) {
		event_requeue(v);
		if (info & INTR_INFO_IRET_UNDONE)
			event_nmi_goes_on(v);
		return shadow_fault(v, v->detail,
				    (uint32_t)vmcs_read(v, VMCS_EXIT_INTR_ERROR_CODE));
	}
	if ((info & INTR_INFO_TYPE_MASK) != INTR_TYPE_NMI)
		panic_guest(v, "exception %u of the guest, which no control asks for",
			    info & INTR_INFO_VECTOR_MASK);
	event_requeue(v);
	unblock_nmis();
	ipi_kicked(v);
	ipi_take_signals(v);
	return EXIT_RETRY;
}

/* Off the way of the others, so that it costs them nothing. */
static __attribute__((noinline)) void take_from_others(struct vcpu *v, uint8_t vector)
{
	if (!host_apic_is_kick(vector))
		return;
	ipi_kicked(v);
	ipi_take_signals(v);
}

/* The exit has taken the interrupt from the processor's APIC. */
enum exit_action exit_external_interrupt(struct vcpu *v)
{
	uint8_t vector = vmcs_read(v, VMCS_EXIT_INTR_INFO) & INTR_INFO_VECTOR_MASK;

	event_requeue(v);
	host_apic_acknowledge(vector);
	if (__builtin_expect(vector == VECTOR_HOST_TIMER, 1))
		timer_interrupt(v);
	else
		take_from_others(v, vector);
	return EXIT_RETRY;
}

enum exit_action exit_interrupt_window(struct vcpu *v)
{
	v->requests |= REQUEST_EVENT;
	return EXIT_RETRY;
}

/*
 * What irq=apicv does not leave to the processor of an xAPIC's page: a fault, as an EPT violation
 * of the page would be.  The qualification has the offset: SDM volume 3, table 28-6.
 */
enum exit_action exit_apic_access(struct vcpu *v)
{
	event_requeue(v);
	return emulate_device(v, LAPIC_BASE_AT_RESET + (v->detail & (LAPIC_PAGE_BYTES - 1)));
}

/* Registers of which irq=apicv leaves the write to the processor, and not what comes of it. */
enum exit_action exit_apic_write(struct vcpu *v)
{
	apic_written(v, (uint32_t)v->detail & (LAPIC_PAGE_BYTES - 1));
	return EXIT_RETRY;
}

/* The processor has ended an interrupt that the I/O APIC has to hear of: hand_over_levels(). */
enum exit_action exit_virtualized_eoi(struct vcpu *v)
{
	chipset_end_of_interrupt(v, (uint8_t)v->detail);
	return EXIT_RETRY;
}

/*
 * An NMI that is blocked until an IRET does not wake (SDM volume 3, 6.7.1).  Whether one is an exit
 * of a guest's guest is for nested_interrupted() to say.
 */
static __attribute__((noinline)) bool signal_wakes(struct vcpu *v)
{
	if (ipi_has_init(v))
		return true;
	return (v->lapic.signals & LAPIC_SIGNAL_NMI) &&
	       (nested_runs_l2(v) ||
		!(vmcs_read(v, VMCS_GUEST_INTERRUPTIBILITY) & BLOCKING_BY_NMI));
}

static bool has_wake_up(struct vcpu *v, bool interrupts)
{
	return ((v->lapic.signals & (LAPIC_SIGNAL_NMI | LAPIC_SIGNAL_INIT)) && signal_wakes(v)) ||
	       (interrupts && (lapic_pending(&v->lapic) >= 0 || chipset_asks(v)));
}

/* Halts the processor until the guest has something to wake up for, an INIT too. */
static __attribute__((noinline)) enum exit_action wait_for_wake_up(struct vcpu *v, bool interrupts)
{
	uint64_t start = rdtsc_ordered();

	if (!interrupts)
		lapic_suppress(&v->lapic);
	do {
		if (!(interrupts ? timer_prepare_wait(v) : timer_prepare_keeping(v)))
			ipi_check_helpless(v);
		host_wait();
		timer_waited(v);
	} while (!has_wake_up(v, interrupts));
	if (!interrupts)
		lapic_go_on(&v->lapic);
	record_waited(v, start);
	if (!ipi_has_init(v))
		return EXIT_ADVANCE;
	ipi_take_signals(v);
	return EXIT_RETRY;
}

void wait_for_event(struct vcpu *v, bool interrupts)
{
	if (!has_wake_up(v, interrupts))
		wait_for_wake_up(v, interrupts);
}

enum exit_action exit_hlt(struct vcpu *v)
{
	bool interrupts = vmcs_read(v, VMCS_GUEST_RFLAGS) & RFLAGS_IF;

	v->requests |= REQUEST_EVENT;
	if (!has_wake_up(v, interrupts))
		return wait_for_wake_up(v, interrupts);
	return EXIT_ADVANCE;
}

enum exit_action exit_pause(struct vcpu *v)
{
	(void)v;
	return EXIT_ADVANCE;
}
