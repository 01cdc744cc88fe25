#include "nesting/virtual_apic.h"

#include <stddef.h>

#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"

/* Of the virtual-APIC page: SDM volume 3, table 11-1. */
#define VTPR 0x80
#define VIRR 0x200
#define NEXT 16 /* register */

#define STATUS_RVI(status) ((status) & 0xff)
#define STATUS_SVI(status) ((status) >> 8)
#define CLASS(vector)	   ((vector) >> 4)

#define MSR_BIT(msr) (UINT64_C(1) << ((msr) - MSR_X2APIC_FIRST))

uint64_t virtual_apic_msrs(uint32_t secondary, unsigned word, bool write)
{
	uint64_t first = MSR_BIT(MSR_X2APIC_TPR);

	if (!(secondary & CONTROL_SECONDARY_VIRTUALIZE_X2APIC))
		return 0;
	if (!write && (secondary & CONTROL_SECONDARY_APIC_REGISTER_VIRTUALIZATION))
		return UINT64_MAX;
	if (write && (secondary & CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY))
		first |= MSR_BIT(MSR_X2APIC_EOI) | MSR_BIT(MSR_X2APIC_SELF_IPI);
	return word == 0 ? first : 0;
}

static uint64_t lend(const struct nested *n, enum vmcs_field field, uint64_t none)
{
	uint64_t hpa = n->ops.lend(n->ops.ctx, vmcs12_get(n->vmcs12, field), PAGE_SIZE);

	return hpa ? hpa : none;
}

void virtual_apic_choose(const struct nested *n, struct vmcs02_base *base)
{
	if (vmcs12_get(n->vmcs12, VMCS_PRIMARY_CONTROLS) & CONTROL_PRIMARY_USE_TPR_SHADOW)
		base->virtual_apic = lend(n, VMCS_VIRTUAL_APIC_PAGE_ADDR, base->no_apic);
	if (vmcs12_secondary(n->vmcs12) & CONTROL_SECONDARY_VIRTUALIZE_APIC_ACCESSES)
		base->apic_access = lend(n, VMCS_APIC_ACCESS_ADDR, base->no_apic);
}

/*
 * Clears and sets bits of a quadword while other processors may do so too, and returns what it was;
 * where there is no memory, reads float high.
 */
static uint64_t change(const struct nested *n, uint64_t gpa, uint64_t clear, uint64_t set)
{
	const uint64_t *at = n->ops.memory(n->ops.ctx, gpa, sizeof(*at));
	uint64_t before, after;

	if (!at)
		return UINT64_MAX;
	do {
		before = __atomic_load_n(at, __ATOMIC_RELAXED);
		after = (before & ~clear) | set;
	} while (after != before && !n->ops.exchange(n->ops.ctx, gpa, before, after));
	return before;
}

/* VIRR has 32 vectors a register, each in 16 bytes. */
static void request(const struct nested *n, uint64_t page, size_t word, uint64_t vectors)
{
	uint64_t gpa = page + VIRR + 2 * word * NEXT;

	change(n, gpa, 0, (uint32_t)vectors);
	change(n, gpa + NEXT, 0, vectors >> 32);
}

uint16_t virtual_apic_take_posted(const struct nested *n, uint16_t status)
{
	uint64_t posted = vmcs12_get(n->vmcs12, VMCS_POSTED_INTR_DESC_ADDR);
	uint64_t page = vmcs12_get(n->vmcs12, VMCS_VIRTUAL_APIC_PAGE_ADDR);
	unsigned highest = STATUS_RVI(status);

	change(n, posted + offsetof(struct posted_descriptor, control), POSTED_OUTSTANDING, 0);
	for (size_t word = 0; word < 4; word++) {
		uint64_t vectors =
			change(n, posted + offsetof(struct posted_descriptor, requests[word]),
			       UINT64_MAX, 0);
		unsigned top = (unsigned)word * 64 + 63 - (unsigned)__builtin_clzll(vectors | 1);

		if (!vectors)
			continue;
		request(n, page, word, vectors);
		if (top > highest)
			highest = top;
	}
	return (uint16_t)(STATUS_SVI(status) << 8 | highest);
}

/* The task priority, or that of what is in service (30.1.3). */
bool virtual_apic_is_pending(const struct nested *n, uint16_t status)
{
	uint64_t gpa = vmcs12_get(n->vmcs12, VMCS_VIRTUAL_APIC_PAGE_ADDR) + VTPR;
	const uint8_t *vtpr = n->ops.memory(n->ops.ctx, gpa, sizeof(*vtpr));
	unsigned task = vtpr ? CLASS(*vtpr) : 0;
	unsigned requested = CLASS(STATUS_RVI(status));

	return requested > task && requested > CLASS((unsigned)STATUS_SVI(status));
}
