#include "l1vmm/vmx/around.h"

#include "l1vmm/arch/apic.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/percpu.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/ipi.h"
#include "l1vmm/vmx/nested.h"
#include "l1vmm/vmx/timer.h"

#define CLASS_VECTORS  16 /* of one priority */
#define WORD_VECTORS   32 /* of one register */
#define REGISTER_BYTES 16

/*
 * An interrupt of the processor has Bochs deliver a virtual one that is pending, whatever IF is
 * (event.cc, HandleExtInterrupt()): none is sent where one is.  What is pending must not change
 * between the look and the sending.  Bochs has another processor go on only behind a trace, which
 * is up to 16 instructions without a jump (icache.cc, serveICacheMiss()): these are 14, on one
 * page.
 *
 * `irr` is the first register with vectors above `priority`, and `mask` their bits there.  Behind
 * the last one lie the ESR, whose bits only mean an NMI too many, and what reads as zero.
 */
__attribute__((noinline, aligned(256))) static void
send_unless_pending(const uint32_t *irr, uint32_t mask, const uint32_t *ppr, uint32_t priority,
		    uint32_t id, uint32_t icr)
{
	uint32_t found;

	__asm__ volatile(
		"mfence; lfence\n\t" /* as in arch/apic.c */
		"jmp 1f\n"
		"1:\n\t"
		"mov (%[irr]), %[found]\n\t"
		"and %[mask], %[found]\n\t"
		"or 0x10(%[irr]), %[found]\n\t"
		"or 0x20(%[irr]), %[found]\n\t"
		"or 0x30(%[irr]), %[found]\n\t"
		"or 0x40(%[irr]), %[found]\n\t"
		"or 0x50(%[irr]), %[found]\n\t"
		"or 0x60(%[irr]), %[found]\n\t"
		"or 0x70(%[irr]), %[found]\n\t"
		"xor (%[ppr]), %[priority]\n\t" /* the mask is for another one */
		"or %[priority], %[found]\n\t"
		"cmovnz %[nmi], %[icr]\n\t"
		"wrmsr\n\t"
		: [found] "=&r"(found), [icr] "+a"(icr), [priority] "+r"(priority)
		: [irr] "r"(irr), [mask] "r"(mask), [ppr] "r"(ppr), [nmi] "r"(HOST_ICR_NMI),
		  "c"(MSR_X2APIC_ICR), "d"(id)
		: "cc", "memory");
}

void around_send(const struct vcpu *v, uint8_t vector)
{
	const uint32_t *words = v->lapic.page->words;
	const uint32_t *ppr = &words[LAPIC_PPR / sizeof(*words)];
	uint32_t priority = __atomic_load_n(ppr, __ATOMIC_RELAXED);
	uint32_t first = (priority / CLASS_VECTORS + 1) * CLASS_VECTORS;
	uint32_t index = first / WORD_VECTORS;
	uint32_t mask = UINT32_MAX << first % WORD_VECTORS;

	if (index == LAPIC_VECTOR_WORDS) { /* there is none */
		index--;
		mask = 0;
	}
	send_unless_pending(&words[(LAPIC_IRR + index * REGISTER_BYTES) / sizeof(*words)], mask,
			    ppr, priority, v->cpu->apic_id, vector);
}

static bool is_stepped_around(const struct vcpu *v)
{
	return v->lapic.by_processor && v->vm->switches.around == SW_AROUND_MASKED;
}

void around_init(struct vcpu *v)
{
	if (is_stepped_around(v) &&
	    (v->vm->vcpu_count > 1 || v->vm->switches.timer == SW_TIMER_DIRECT))
		v->requests |= REQUEST_AROUND;
}

static void take_at_gate(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

/* Where two wait, the first can make a virtual one pending that the second has delivered. */
bool around_take(struct vcpu *v)
{
	if (!host_apic_has_kick())
		return false;
	take_at_gate();
	v->cpu->timer_went_off = false; /* it was armed for a wait that is over */
	if (!ipi_has_init(v))
		return false;
	ipi_take_signals(v);
	return true;
}

/*
 * Bochs does not heed external-interrupt exiting while a guest that was entered with IF clear
 * leaves it so, but for an instruction that clears it again.  Until then an interrupt waits, a
 * timer for example, and one that the processor delivers overtakes it when IF is set, or comes with
 * it before. An interrupt-window exit comes before both, and nothing is delivered while one is
 * asked for.  The handler of what the entry injects begins with IF clear, most often.
 */
void around_prepare(struct vcpu *v)
{
	bool interrupted = v->timer_direct || v->vm->vcpu_count > 1;

	event_want_interrupt_window(v, interrupted &&
					       (!event_takes_interrupt(v) || event_is_injected(v)));
}

bool around_needs_preemption(const struct vcpu *v)
{
	return is_stepped_around(v) &&
	       (v->vm->switches.timer != SW_TIMER_DIRECT || v->vm->vcpu_count > 1);
}

void around_enter_l2(struct vcpu *v)
{
	if (v->vm->switches.around == SW_AROUND_MASKED && v->vm->vcpu_count > 1)
		v->nested->stepped_around = true;
}

/*
 * An INIT is the business of the one who asks next.  The timer is not one that a wait has armed: it
 * is the guest hypervisor's, which it has while its guest runs.
 */
void around_take_for_l2(struct vcpu *v)
{
	if (!host_apic_has_kick())
		return;
	take_at_gate();
	if (v->cpu->timer_went_off) {
		v->cpu->timer_went_off = false;
		timer_interrupt(v);
	}
	v->requests &= ~(uint32_t)REQUEST_EVENT;
}

/*
 * Of a virtual interrupt Bochs tells what it has delivered before (vapic.cc,
 * VMX_Deliver_Virtual_Interrupt()).  A hypervisor below tells the truth.
 */
static bool may_tell_another(const struct vcpu *v)
{
	return v->vm->switches.around == SW_AROUND_MASKED && v->vm->level == 0 &&
	       (nested_runs_l2(v) ? nested_delivers(v) : v->lapic.by_processor);
}

static uint32_t served(uint32_t status)
{
	return status >> 8 & INTR_INFO_VECTOR_MASK;
}

static uint32_t requested(uint32_t status)
{
	return status & INTR_INFO_VECTOR_MASK;
}

static struct injection *injection(struct vcpu *v)
{
	return nested_runs_l2(v) ? &v->nested->injection : &v->injection;
}

void around_injects(struct vcpu *v)
{
	uint32_t status;

	if (!may_tell_another(v))
		return;
	status = (uint32_t)vmcs_read(v, VMCS_GUEST_INTR_STATUS);
	if (!served(status))
		return;
	*injection(v) = (struct injection){status, vmcs_read(v, VMCS_GUEST_RSP)};
	if (!nested_runs_l2(v))
		v->requests |= REQUEST_EVENT;
}

/*
 * Whether no virtual interrupt has been delivered since the entry, as far as can be told, so that
 * the event is what that has injected.  Only a vector above the one in service is delivered (SDM
 * volume 3, 30.2.1), and then is in service itself: the same one comes again only when it has been
 * ended.  Where it was requested at the entry, RVI has fallen then.  Where it has been requested
 * later, by the guest or as a posted interrupt, both are as they were, but the guest has left the
 * handler, most often, or is in the one of what was injected: RSP is another.  Nothing tells when
 * either handler ends it early, and it comes again with the stack as at the entry.
 */
static bool is_as_injected(struct vcpu *v, uint32_t status)
{
	const struct injection *at = injection(v);

	return served(at->status) == served(status) && requested(at->status) <= requested(status) &&
	       at->rsp == vmcs_read(v, VMCS_GUEST_RSP);
}

/*
 * A virtual interrupt is in service by the time that its delivery is interrupted, and only comes
 * while IF is set, when hardly another event does but one that the entry injects.
 */
uint32_t around_vectoring(struct vcpu *v, uint32_t info)
{
	uint32_t status;

	if (!may_tell_another(v))
		return info;
	status = (uint32_t)vmcs_read(v, VMCS_GUEST_INTR_STATUS);
	if (!served(status) || is_as_injected(v, status) ||
	    !(vmcs_read(v, VMCS_GUEST_RFLAGS) & RFLAGS_IF))
		return info;
	return INTR_INFO_VALID | INTR_TYPE_EXTERNAL | served(status);
}
