#include "nesting/virtual_apic.h"

#include <stddef.h>

#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"

/* Of the virtual-APIC page: SDM volume 3, table 11-1. */
#define REGISTER(offset) ((offset) / sizeof(uint32_t))
#define VTPR		 REGISTER(0x80)
#define VIRR		 REGISTER(0x200)
#define NEXT		 REGISTER(16)

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

/* Takes a quadword of requests; where there is no memory, reads float high. */
static uint64_t take(struct posted_descriptor *posted, size_t word)
{
	return posted ? __atomic_exchange_n(&posted->requests[word], 0, __ATOMIC_SEQ_CST)
		      : UINT64_MAX;
}

/* VIRR has 32 vectors a register. */
static void request(uint32_t *page, size_t word, uint64_t vectors)
{
	uint32_t *at = page + VIRR + 2 * word * NEXT;

	__atomic_fetch_or(at, (uint32_t)vectors, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(at + NEXT, (uint32_t)(vectors >> 32), __ATOMIC_SEQ_CST);
}

static void *memory_of(const struct nested *n, enum vmcs_field field, uint64_t size)
{
	return n->ops.memory(n->ops.ctx, vmcs12_get(n->vmcs12, field), size);
}

uint16_t virtual_apic_take_posted(const struct nested *n, uint16_t status)
{
	struct posted_descriptor *posted =
		memory_of(n, VMCS_POSTED_INTR_DESC_ADDR, sizeof(*posted));
	uint32_t *page = memory_of(n, VMCS_VIRTUAL_APIC_PAGE_ADDR, PAGE_SIZE);
	unsigned highest = STATUS_RVI(status);

	if (posted)
		__atomic_fetch_and(&posted->control, ~POSTED_OUTSTANDING, __ATOMIC_SEQ_CST);
	for (size_t word = 0; word < 4; word++) {
		uint64_t vectors = take(posted, word);
		unsigned top = (unsigned)word * 64 + 63 - (unsigned)__builtin_clzll(vectors | 1);

		if (!vectors)
			continue;
		if (page)
			request(page, word, vectors);
		if (top > highest)
			highest = top;
	}
	return (uint16_t)(STATUS_SVI(status) << 8 | highest);
}

/* The task priority, or that of what is in service (30.1.3). */
bool virtual_apic_is_pending(const struct nested *n, uint16_t status)
{
	const uint32_t *page = memory_of(n, VMCS_VIRTUAL_APIC_PAGE_ADDR, PAGE_SIZE);
	unsigned task = page ? CLASS(page[VTPR] & 0xff) : 0;
	unsigned requested = CLASS(STATUS_RVI(status));

	return requested > task && requested > CLASS((unsigned)STATUS_SVI(status));
}
