#include "l1vmm/vmx/apic.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/boot/memory.h"
#include "l1vmm/vm.h"

/*
 * In ticks: a timer that went off faster than its interrupts can be delivered would leave the guest
 * no time of its own.
 */
#define SHORTEST_PERIOD 2000

/* The call to it is the branch behind which Bochs has the time right: see rdtsc_ordered(). */
static uint64_t now(void *ctx)
{
	const struct vcpu *v = ctx;

	return rdtsc() + v->tsc_offset;
}

/* Without anything armed or to arm there is nothing to do. */
static void timer_changed(void *ctx)
{
	struct vcpu *v = ctx;

	if (v->timer_armed || v->lapic.timer.expiry)
		v->requests |= REQUEST_TIMER;
}

/* One processor: there is nobody else. */
static void send(void *ctx, const struct lapic_ipi *ipi)
{
	(void)ctx;
	(void)ipi;
}

static void end_of_level(void *ctx, uint8_t vector)
{
	const struct vcpu *v = ctx;

	ioapic_end_of_interrupt(&v->vm->ioapic, vector);
}

static const struct lapic_ops ops = {
	.now = now, .timer_changed = timer_changed, .send = send, .end_of_level = end_of_level};

bool apic_init(struct vcpu *v)
{
	struct lapic_page *page = (struct lapic_page *)memory_alloc(1);
	struct lapic_mailbox *mailbox = (struct lapic_mailbox *)memory_alloc(1);

	if (!page || !mailbox)
		return false;
	lapic_init(&v->lapic, v->id, page, mailbox, cpuid(CPUID_ADDRESS_SIZES, 0).eax & 0xff, &ops,
		   v);
	v->lapic.timer.shortest = SHORTEST_PERIOD;
	return true;
}
