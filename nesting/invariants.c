#include "nesting/invariants.h"

#include <stddef.h>

#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"

#define OF01(FIELD)	    v->vmcs01(v->ctx, VMCS_##FIELD)
#define OF02(FIELD)	    v->vmcs02(v->ctx, VMCS_##FIELD)
#define WORD01(WORD)	    (v->base->controls.word[CONTROL_##WORD])
#define WORD02(WORD)	    ((uint32_t)OF02(WORD##_WORD))
#define PRIMARY12	    ((uint32_t)vmcs12_get(v->vmcs12, VMCS_PRIMARY_CONTROLS))
#define SECONDARY12	    vmcs12_secondary(v->vmcs12)
#define VMCS_PIN_WORD	    VMCS_PIN_BASED_CONTROLS
#define VMCS_PRIMARY_WORD   VMCS_PRIMARY_CONTROLS
#define VMCS_SECONDARY_WORD VMCS_SECONDARY_CONTROLS
#define VMCS_EXIT_WORD	    VMCS_EXIT_CONTROLS
#define VMCS_ENTRY_WORD	    VMCS_ENTRY_CONTROLS

/* Controls by which L0 keeps what is its own.  CR3 and INVLPG are L2's once it has tables. */
#define PRIMARY_OF_L0                                                                  \
	((uint32_t)(CONTROL_PRIMARY_HLT_EXITING | CONTROL_PRIMARY_MWAIT_EXITING |      \
		    CONTROL_PRIMARY_RDPMC_EXITING | CONTROL_PRIMARY_RDTSC_EXITING |    \
		    CONTROL_PRIMARY_MOV_DR_EXITING | CONTROL_PRIMARY_MONITOR_EXITING | \
		    CONTROL_PRIMARY_ACTIVATE_SECONDARY))
#define CR8_EXITS ((uint32_t)(CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING))
#define SECONDARY_OF_L0                                                            \
	((uint32_t)(CONTROL_SECONDARY_ENABLE_EPT | CONTROL_SECONDARY_ENABLE_VPID | \
		    CONTROL_SECONDARY_WBINVD_EXITING))
#define ADDRESS_CONTROLS                                                              \
	((uint32_t)(CONTROL_SECONDARY_ENABLE_PML | CONTROL_SECONDARY_VMCS_SHADOWING | \
		    CONTROL_SECONDARY_EPT_VIOLATION_VE))
/* Those that work on the virtual-APIC page. */
#define APIC_CONTROLS                                                \
	((uint32_t)(CONTROL_SECONDARY_VIRTUALIZE_X2APIC |            \
		    CONTROL_SECONDARY_APIC_REGISTER_VIRTUALIZATION | \
		    CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY))

/* Quadwords of an MSR bitmap for the MSRs of an x2APIC, to be read or written. */
#define X2APIC_WORDS 4
#define X2APIC_WORD  (MSR_X2APIC_FIRST / 64)
#define HALF_WORDS   (PAGE_SIZE / 2 / sizeof(uint64_t))

/* Whether each bit of L0's own pages is in those that the processor uses, from word to word. */
static bool contains(const uint8_t *used, const uint8_t *own, size_t from, size_t to)
{
	const uint64_t *all = (const uint64_t *)used, *some = (const uint64_t *)own;

	for (size_t i = from; i < to; i++)
		if (some[i] & ~all[i])
			return false;
	return true;
}

/* The pages that L0 has at these addresses; NULL: L0 has none there. */
static const uint8_t *io_pages(const struct vmcs02_base *base, uint64_t a, uint64_t b)
{
	if (a == base->io_bitmaps_hpa && b == a + PAGE_SIZE)
		return base->io_bitmaps;
	if (a == base->merged_io_hpa && b == a + PAGE_SIZE)
		return base->merged_io;
	return NULL;
}

static bool io_intercepted(const struct vmcs02_view *v)
{
	const uint8_t *used;

	if (WORD02(PRIMARY) & CONTROL_PRIMARY_USE_IO_BITMAPS) {
		used = io_pages(v->base, OF02(IO_BITMAP_A), OF02(IO_BITMAP_B));
		if (!used)
			return false;
		if (WORD01(PRIMARY) & CONTROL_PRIMARY_USE_IO_BITMAPS)
			return contains(used, v->base->io_bitmaps, 0,
					2 * PAGE_SIZE / sizeof(uint64_t));
		return !(WORD01(PRIMARY) & CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING);
	}
	if (WORD02(PRIMARY) & CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING)
		return true;
	return !(WORD01(PRIMARY) & (uint32_t)(CONTROL_PRIMARY_USE_IO_BITMAPS |
					      CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING));
}

/* Without a bitmap all of them exit.  Those of the x2APIC: x2apic_intercepted(). */
static bool msrs_intercepted(const struct vmcs02_view *v)
{
	const uint8_t *used = v->base->merged_msr, *own = v->base->msr_bitmap;
	size_t at = X2APIC_WORD, end = 2 * HALF_WORDS;

	if (!(WORD02(PRIMARY) & CONTROL_PRIMARY_USE_MSR_BITMAPS))
		return true;
	return (WORD01(PRIMARY) & CONTROL_PRIMARY_USE_MSR_BITMAPS) &&
	       OF02(MSR_BITMAP) == v->base->merged_msr_hpa && contains(used, own, 0, at) &&
	       contains(used, own, at + X2APIC_WORDS, HALF_WORDS + at) &&
	       contains(used, own, HALF_WORDS + at + X2APIC_WORDS, end);
}

/* A page of L1's, or the one that belongs to nobody. */
static bool is_lent(const struct vmcs02_view *v, uint64_t hpa)
{
	return hpa == v->base->no_apic || v->is_l1s(v->ctx, hpa);
}

#define BIT_OF(msr) BIT((msr) - MSR_X2APIC_FIRST)

/* L2 reaches none of the processor's own APIC, even where L1 does: SDM volume 3, 30.5. */
static bool x2apic_intercepted(const struct vmcs02_view *v)
{
	const uint64_t *reads = (const uint64_t *)v->base->merged_msr + X2APIC_WORD;
	const uint64_t *writes = reads + HALF_WORDS;
	uint32_t secondary = WORD02(SECONDARY);
	bool all = (secondary & CONTROL_SECONDARY_VIRTUALIZE_X2APIC) &&
		   (secondary & CONTROL_SECONDARY_APIC_REGISTER_VIRTUALIZATION);
	uint64_t first = 0;

	if (secondary & CONTROL_SECONDARY_VIRTUALIZE_X2APIC)
		first = BIT_OF(MSR_X2APIC_TPR);
	if (!all && (~reads[0] & ~first))
		return false;
	if (first && (secondary & CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY))
		first |= BIT_OF(MSR_X2APIC_EOI) | BIT_OF(MSR_X2APIC_SELF_IPI);
	if (~writes[0] & ~first)
		return false;
	for (unsigned i = 1; i < X2APIC_WORDS; i++)
		if ((!all && ~reads[i]) || ~writes[i])
			return false;
	return true;
}

static struct guest_tsc clock_of_l2(const struct vmcs02_view *v)
{
	struct guest_tsc inner = vmcs12_tsc(v->vmcs12);

	return tsc_compose(&v->base->tsc, &inner);
}

const char *vmcs02_violated(const struct vmcs02_view *v)
{
#define INVARIANT(NAME, holds) \
	if (!(holds))          \
		return #NAME;
#include "nesting/invariants.def"
#undef INVARIANT
	return NULL;
}
