#include "l1vmm/vmx/apic.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/spin.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/boot/memory.h"
#include "l1vmm/exits/msr.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/around.h"
#include "l1vmm/vmx/ipi.h"
#include "l1vmm/vmx/timer.h"
#include "l1vmm/vmx/tlb.h"

/* The call to it is the branch behind which Bochs has the time right: see rdtsc_ordered(). */
static uint64_t now(void *ctx)
{
	const struct vcpu *v = ctx;

	return tsc_of_guest(&v->tsc, rdtsc());
}

/* Without anything armed or to arm there is nothing to do. */
static void timer_changed(void *ctx)
{
	struct vcpu *v = ctx;

	if (v->timer_armed || v->lapic.timer.running || v->vm->switches.timer == SW_TIMER_DIRECT)
		v->requests |= REQUEST_TIMER;
}

/* One processor: there is nobody else. */
static void send_to_nobody(void *ctx, const struct lapic_ipi *ipi)
{
	(void)ctx;
	(void)ipi;
}

static void send(void *ctx, const struct lapic_ipi *ipi)
{
	ipi_send(ctx, ipi);
}

static void end_of_level(void *ctx, uint8_t vector)
{
	chipset_end_of_interrupt(ctx, vector);
}

static const struct lapic_ops ops = {
	.now = now, .timer_changed = timer_changed, .send = send, .end_of_level = end_of_level};
static const struct lapic_ops ops_alone = {.now = now,
					   .timer_changed = timer_changed,
					   .send = send_to_nobody,
					   .end_of_level = end_of_level};

/*
 * Of xAPIC mode the processor carries out on the page what becomes of interrupts: TPR, EOI and
 * self-IPIs (SDM volume 3, 30.4).  It could read the other registers there, too, but then would
 * also store to them, before anybody has looked at what.
 */
static bool lend_page(struct vcpu *v)
{
	struct vm *vm = v->vm;

	if (v->id == 0) {
		vm->apic_access = memory_alloc(1);
		if (!vm->apic_access || !ept_lend(&vm->ept, LAPIC_BASE_AT_RESET, vm->apic_access))
			return false;
	}
	v->apic_page_lent = true;
	v->controls.word[CONTROL_SECONDARY] &=
		~(uint32_t)CONTROL_SECONDARY_APIC_REGISTER_VIRTUALIZATION;
	return true;
}

/*
 * The vCPU's APIC is somewhere else now, or reached by MSR.  Others still have theirs at the page,
 * if only as far as their processors have that cached: once gone it does not come back.
 */
static void take_page_back(struct vcpu *v)
{
	v->apic_page_lent = false;
	spin_lock(&v->vm->apic_access_busy);
	ept_take_back(&v->vm->ept, LAPIC_BASE_AT_RESET);
	spin_unlock(&v->vm->apic_access_busy);
	tlb_flush_ept(v);
}

bool apic_init(struct vcpu *v)
{
	struct lapic_page *page = (struct lapic_page *)memory_alloc(1);
	struct lapic_mailbox *mailbox = (struct lapic_mailbox *)memory_alloc(1);

	if (!page || !mailbox)
		return false;
	lapic_init(&v->lapic, v->id, page, mailbox, cpuid(CPUID_ADDRESS_SIZES, 0).eax & 0xff,
		   v->vm->vcpu_count > 1 ? &ops : &ops_alone, v);
	v->awaits_startup = v->id != 0;
	v->posted = v->controls.word[CONTROL_PIN] & CONTROL_PIN_POSTED_INTERRUPTS;
	v->lapic.by_processor =
		v->controls.word[CONTROL_SECONDARY] & CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY;
	v->lapic.timer.shortest = TIMER_SHORTEST_PERIOD;
	v->chipset_due = CHIPSET_NEVER;
	around_init(v);
	return !(v->controls.word[CONTROL_SECONDARY] &
		 CONTROL_SECONDARY_VIRTUALIZE_APIC_ACCESSES) ||
	       lend_page(v);
}

/*
 * The accesses that the processor carries out on the page in x2APIC mode: all reads but that of the
 * count, which is not kept there, and the writes of SDM volume 3, 30.5.  A register that does not
 * exist exits, and faults.
 */
static void leave_registers(struct vcpu *v, bool leave)
{
	for (uint32_t msr = MSR_X2APIC_FIRST; msr <= MSR_X2APIC_LAST; msr++) {
		uint64_t value;
		bool read = leave && msr != MSR_X2APIC_CURRENT_COUNT &&
			    lapic_read_msr(&v->lapic, msr, &value) == LAPIC_OK;
		bool write = leave && (msr == MSR_X2APIC_TPR || msr == MSR_X2APIC_EOI ||
				       msr == MSR_X2APIC_SELF_IPI);

		msr_bitmap_set(v->msr_bitmap, msr, !read, !write);
	}
}

static bool is_as_after_reset(const struct vcpu *v)
{
	return (v->lapic.base & ~APIC_BASE_BSP) == (LAPIC_BASE_AT_RESET | APIC_BASE_ENABLE);
}

void apic_mode_changed(struct vcpu *v)
{
	uint32_t *secondary = &v->controls.word[CONTROL_SECONDARY];
	bool x2apic = v->lapic.base & APIC_BASE_X2APIC;
	uint32_t now = *secondary & ~(uint32_t)(CONTROL_SECONDARY_VIRTUALIZE_X2APIC |
						CONTROL_SECONDARY_VIRTUALIZE_APIC_ACCESSES);

	apic_changed(v); /* a disabled APIC has forgotten what it had */
	if (!v->lapic.by_processor || (v->apic_page_lent && is_as_after_reset(v)))
		return;
	if (v->apic_page_lent)
		take_page_back(v);
	now |= CONTROL_SECONDARY_APIC_REGISTER_VIRTUALIZATION;
	if (x2apic)
		now |= CONTROL_SECONDARY_VIRTUALIZE_X2APIC;
	if (now == *secondary)
		return;
	*secondary = now;
	vmcs_write(v, VMCS_SECONDARY_CONTROLS, now);
	leave_registers(v, x2apic);
}

/* Self-IPIs with an illegal vector, and IPIs of an xAPIC to others: SDM volume 3, 30.4.3 and 30.5.
 */
void apic_written(struct vcpu *v, uint32_t offset)
{
	uint32_t value = v->lapic.page->words[offset / sizeof(uint32_t)];

	if (v->lapic.base & APIC_BASE_X2APIC)
		lapic_write_msr(&v->lapic, MSR_X2APIC_FIRST + offset / 16, value);
	else
		lapic_write_page(&v->lapic, offset, value);
	apic_changed(v);
}

/*
 * Where the processor ends interrupts by itself, the I/O APIC has to hear of those that are
 * level-triggered, and of no others.
 */
static __attribute__((noinline)) void hand_over_levels(struct vcpu *v)
{
	static const enum vmcs_field fields[] = {VMCS_EOI_EXIT_BITMAP0, VMCS_EOI_EXIT_BITMAP1,
						 VMCS_EOI_EXIT_BITMAP2, VMCS_EOI_EXIT_BITMAP3};

	for (unsigned i = 0; i < 4; i++) {
		const uint32_t *tmr = &v->lapic.page->words[(LAPIC_TMR + i * 32) / 4];
		uint64_t levels = tmr[0] | (uint64_t)tmr[4] << 32;

		if (levels == v->eoi_exits[i])
			continue;
		v->eoi_exits[i] = levels;
		vmcs_write(v, fields[i], levels);
	}
}

/* Guest interrupt status: the highest in service, and the highest requested (25.4.2). */
void apic_hand_over(struct vcpu *v)
{
	int requested = lapic_requested(&v->lapic), served = lapic_in_service(&v->lapic);

	if (__builtin_expect(v->lapic.levels, 0))
		hand_over_levels(v);
	vmcs_write(v, VMCS_GUEST_INTR_STATUS,
		   (served < 0 ? 0 : (uint64_t)served) << 8 |
			   (requested < 0 ? 0 : (uint64_t)requested));
}
