#include "l1vmm/vmx/event.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/apic.h"
#include "l1vmm/vmx/around.h"
#include "l1vmm/vmx/chipset.h"
#include "l1vmm/vmx/stop.h"
#include "l1vmm/vmx/timer.h"

#define VECTORS_WITH_ERROR_CODE                                                               \
	(BIT(VECTOR_DF) | BIT(VECTOR_TS) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP) | \
	 BIT(VECTOR_PF) | BIT(VECTOR_AC) | BIT(VECTOR_CP))
#define VECTORS_CONTRIBUTORY                                                                  \
	(BIT(VECTOR_DE) | BIT(VECTOR_TS) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP) | \
	 BIT(VECTOR_CP))

static void queue(struct vcpu *v, uint32_t info, uint32_t error)
{
	v->event = info | INTR_INFO_VALID;
	v->event_error = error;
	v->requests |= REQUEST_EVENT;
}

static bool is_exception(uint32_t info)
{
	return (info & INTR_INFO_VALID) && (info & INTR_INFO_TYPE_MASK) == INTR_TYPE_EXCEPTION;
}

static bool makes_double_fault(uint8_t first, uint8_t second)
{
	if (first == VECTOR_PF)
		return second == VECTOR_PF || (VECTORS_CONTRIBUTORY & BIT(second));
	return (VECTORS_CONTRIBUTORY & BIT(first)) && (VECTORS_CONTRIBUTORY & BIT(second));
}

enum exit_action event_exception(struct vcpu *v, uint8_t vector, uint32_t error)
{
	if (is_exception(v->event)) {
		uint8_t first = v->event & INTR_INFO_VECTOR_MASK;

		if (first == VECTOR_DF)
			vcpu_stop(v, STOP_TRIPLE_FAULT,
				  "vector=%u while a double fault was delivered", vector);
		if (makes_double_fault(first, vector)) {
			vector = VECTOR_DF;
			error = 0;
		}
	}
	/* Real mode has no error codes, and VM entry refuses them there: SDM volume 3, 27.2.1.3. */
	if ((VECTORS_WITH_ERROR_CODE & BIT(vector)) && (vmcs_read(v, VMCS_GUEST_CR0) & CR0_PE))
		queue(v, INTR_TYPE_EXCEPTION | INTR_INFO_ERROR_CODE | vector, error);
	else
		queue(v, INTR_TYPE_EXCEPTION | vector, 0);
	return EXIT_RETRY;
}

enum exit_action event_ud(struct vcpu *v)
{
	return event_exception(v, VECTOR_UD, 0);
}

enum exit_action event_gp(struct vcpu *v)
{
	return event_exception(v, VECTOR_GP, 0);
}

enum exit_action event_pf(struct vcpu *v, uint64_t address, uint32_t error)
{
	write_cr2(address); /* CR2 is not in the VMCS: the guest's is the processor's */
	return event_exception(v, VECTOR_PF, error);
}

void event_requeue(struct vcpu *v)
{
	uint32_t info = (uint32_t)vmcs_read(v, VMCS_IDT_VECTORING_INFO);
	uint32_t type;

	if (!(info & INTR_INFO_VALID))
		return;
	info = around_vectoring(v, info);
	type = info & INTR_INFO_TYPE_MASK;
	v->telemetry.cur->flags |= RECORD_F_IDT_VECTORING;
	queue(v, info & (INTR_INFO_TYPE_MASK | INTR_INFO_VECTOR_MASK | INTR_INFO_ERROR_CODE),
	      info & INTR_INFO_ERROR_CODE ? (uint32_t)vmcs_read(v, VMCS_IDT_VECTORING_ERROR_CODE)
					  : 0);
	if (type == INTR_TYPE_SOFT_INT || type == INTR_TYPE_SOFT_EXC || type == INTR_TYPE_PRIV_SOFT)
		v->event_length = (uint32_t)vmcs_read(v, VMCS_EXIT_INSTRUCTION_LEN);
}

void event_nmi_goes_on(struct vcpu *v)
{
	if (!v->event)
		vmcs_write(v, VMCS_GUEST_INTERRUPTIBILITY,
			   vmcs_read(v, VMCS_GUEST_INTERRUPTIBILITY) | BLOCKING_BY_NMI);
}

/* An NMI whose delivery did not end has set the blocking already, which entry does not let pass. */
static void unblock_nmi(struct vcpu *v)
{
	uint64_t blocking = vmcs_read(v, VMCS_GUEST_INTERRUPTIBILITY);

	if (blocking & BLOCKING_BY_NMI)
		vmcs_write(v, VMCS_GUEST_INTERRUPTIBILITY, blocking & ~(uint64_t)BLOCKING_BY_NMI);
}

static void inject(struct vcpu *v, uint32_t info)
{
	if ((info & INTR_INFO_TYPE_MASK) == INTR_TYPE_NMI)
		unblock_nmi(v);
	if (info & INTR_INFO_ERROR_CODE)
		vmcs_write(v, VMCS_ENTRY_EXCEPTION_ERROR_CODE, v->event_error);
	if (v->event_length)
		vmcs_write(v, VMCS_ENTRY_INSTRUCTION_LEN, v->event_length);
	vmcs_write(v, VMCS_ENTRY_INTR_INFO, info);
	v->event = 0;
	v->event_length = 0;
	v->telemetry.cur->flags |= RECORD_F_INJECTED;
}

void event_inject(struct vcpu *v)
{
	inject(v, v->event);
}

/* `control` is one of the primary controls that ask for an exit as soon as an event can be taken.
 */
static void want_window(struct vcpu *v, uint32_t control, bool wanted)
{
	uint32_t *primary = &v->controls.word[CONTROL_PRIMARY];
	uint32_t now = wanted ? *primary | control : *primary & ~control;

	if (now != *primary) {
		*primary = now;
		vmcs_write(v, VMCS_PRIMARY_CONTROLS, now);
	}
}

bool event_is_injected(struct vcpu *v)
{
	return vmcs_read(v, VMCS_ENTRY_INTR_INFO) & INTR_INFO_VALID;
}

/*
 * What keeps events from the guest at this entry.  The shadow of STI or MOV SS is over when the
 * instruction that it covers has been emulated, and a VM entry with RFLAGS.IF clear refuses to have
 * it, so it is cleared where it is met.
 */
static uint64_t settle_blocking(struct vcpu *v, bool advanced)
{
	uint64_t blocking = vmcs_read(v, VMCS_GUEST_INTERRUPTIBILITY);

	if ((blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS)) && advanced) {
		blocking &= ~(uint64_t)(BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);
		vmcs_write(v, VMCS_GUEST_INTERRUPTIBILITY, blocking);
	}
	return blocking;
}

static bool takes_interrupt(struct vcpu *v, uint64_t blocking)
{
	return !(blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS)) &&
	       (vmcs_read(v, VMCS_GUEST_RFLAGS) & RFLAGS_IF);
}

bool event_takes_interrupt(struct vcpu *v)
{
	return takes_interrupt(v, vmcs_read(v, VMCS_GUEST_INTERRUPTIBILITY));
}

/*
 * The interrupt controllers' interrupt, which takes no part in the priorities of the APIC (SDM
 * volume 3, 11.8), where nothing else goes first.  What has to wait asks for a window.
 */
static __attribute__((noinline)) void settle_extint(struct vcpu *v, bool advanced)
{
	bool first = !v->event && !(v->lapic.signals & LAPIC_SIGNAL_NMI);

	if (first && chipset_asks(v) && takes_interrupt(v, settle_blocking(v, advanced)))
		v->event = INTR_INFO_VALID | INTR_TYPE_EXTERNAL | chipset_acknowledge(v);
	chipset_settle(v);
	event_want_interrupt_window(v, false);
}

/*
 * One event an entry: what is left waits for the next exit, or for a window.  With
 * virtual-interrupt delivery the processor takes interrupts by itself, once no shadow holds them
 * up.  Whether there is one.
 */
static bool inject_one(struct vcpu *v, bool advanced)
{
	bool nmi = v->lapic.signals & LAPIC_SIGNAL_NMI;
	bool by_processor = v->lapic.by_processor;
	int vector = by_processor ? -1 : lapic_pending(&v->lapic);
	uint64_t blocking;

	if (v->event) {
		inject(v, v->event);
		return true;
	}
	if (!nmi && vector < 0 && !(by_processor && advanced))
		return false;
	blocking = settle_blocking(v, advanced);
	if (nmi && !blocking) {
		v->lapic.signals &= ~LAPIC_SIGNAL_NMI;
		inject(v, INTR_TYPE_NMI | VECTOR_NMI | INTR_INFO_VALID);
		return true;
	}
	if (vector < 0 || !takes_interrupt(v, blocking))
		return false;
	lapic_accept(&v->lapic, (uint8_t)vector);
	inject(v, INTR_INFO_VALID | INTR_TYPE_EXTERNAL | (uint32_t)vector);
	return true;
}

void event_want_interrupt_window(struct vcpu *v, bool wanted)
{
	want_window(v, CONTROL_PRIMARY_INTERRUPT_WINDOW_EXITING,
		    wanted || (v->waits & WAITS_FOR_INTERRUPT_WINDOW));
}

/*
 * For an NMI that is left, and for the interrupt controllers' interrupt (settle_extint()).  Most
 * often neither waits, nor did before.
 */
static __attribute__((noinline)) void ask_for_windows(struct vcpu *v)
{
	v->waits &= (uint8_t)~WAITS_NMI;
	if (v->lapic.signals & LAPIC_SIGNAL_NMI)
		v->waits |=
			event_nmi_window(vmcs_read(v, VMCS_GUEST_INTERRUPTIBILITY),
					 event_is_injected(v)) == CONTROL_PRIMARY_NMI_WINDOW_EXITING
				? WAITS_NMI_WINDOW
				: WAITS_NMI_SHADOW;
	want_window(v, CONTROL_PRIMARY_NMI_WINDOW_EXITING, v->waits & WAITS_NMI_WINDOW);
	event_want_interrupt_window(v, false);
	if (v->waits)
		v->requests |= REQUEST_EVENT;
}

/*
 * What the task priority holds back is looked at again as soon as a MOV to CR8 lets it through.
 * What an interrupt in service holds back waits for the EOI, which is an exit anyway.
 */
static void set_tpr_threshold(struct vcpu *v, uint32_t threshold)
{
	if (threshold == v->tpr_threshold ||
	    !(v->controls.word[CONTROL_PRIMARY] & CONTROL_PRIMARY_USE_TPR_SHADOW))
		return;
	v->tpr_threshold = threshold;
	vmcs_write(v, VMCS_TPR_THRESHOLD, threshold);
}

/* Most often nothing is left. */
static void wait_for_rest(struct vcpu *v)
{
	uint32_t class = 0;
	bool pending = false;

	if (v->lapic.irr_words) {
		class = (uint32_t)lapic_requested(&v->lapic) >> 4;
		pending = lapic_pending(&v->lapic) >= 0;
		if (pending)
			v->requests |= REQUEST_EVENT;
	}
	event_want_interrupt_window(v, pending);
	set_tpr_threshold(v, class <= lapic_cr8(&v->lapic) ? class : 0);
}

/* What waits for a window is looked at with each exit: one may end the shadow that it waits for. */
void event_prepare(struct vcpu *v, bool advanced)
{
	bool injected;

	timer_settle(v);
	if (__builtin_expect(v->lapic.signals & LAPIC_SIGNAL_EXTINT, 0))
		settle_extint(v, advanced);
	injected = inject_one(v, advanced);
	v->requests &= ~(uint32_t)REQUEST_EVENT;
	if (__builtin_expect((v->lapic.signals & LAPIC_SIGNAL_NMI) || v->waits, 0))
		ask_for_windows(v);
	if (v->lapic.by_processor) {
		apic_hand_over(v);
		v->injection.status = 0;
		if (injected)
			around_injects(v);
	} else {
		wait_for_rest(v);
	}
}
