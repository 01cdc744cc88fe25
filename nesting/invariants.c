#include "nesting/invariants.h"

#include <stddef.h>

#include "l1vmm/arch/x86.h"

#define OF01(FIELD)	    v->vmcs01(v->ctx, VMCS_##FIELD)
#define OF02(FIELD)	    v->vmcs02(v->ctx, VMCS_##FIELD)
#define WORD01(WORD)	    (v->base->controls.word[CONTROL_##WORD])
#define WORD02(WORD)	    ((uint32_t)OF02(WORD##_WORD))
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
#define ADDRESS_CONTROLS                                                                        \
	((uint32_t)(CONTROL_SECONDARY_VIRTUALIZE_APIC_ACCESSES | CONTROL_SECONDARY_ENABLE_PML | \
		    CONTROL_SECONDARY_VMCS_SHADOWING | CONTROL_SECONDARY_EPT_VIOLATION_VE))

/* Whether each bit of L0's `pages` is in those that the processor uses. */
static bool contains(const uint8_t *used, const uint8_t *own, unsigned pages)
{
	const uint64_t *all = (const uint64_t *)used, *some = (const uint64_t *)own;

	for (unsigned i = 0; i < pages * (PAGE_SIZE / sizeof(*all)); i++) {
		if (some[i] & ~all[i])
			return false;
	}
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
			return contains(used, v->base->io_bitmaps, 2);
		return !(WORD01(PRIMARY) & CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING);
	}
	if (WORD02(PRIMARY) & CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING)
		return true;
	return !(WORD01(PRIMARY) & (uint32_t)(CONTROL_PRIMARY_USE_IO_BITMAPS |
					      CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING));
}

/* Without a bitmap all of them exit. */
static bool msrs_intercepted(const struct vmcs02_view *v)
{
	if (!(WORD02(PRIMARY) & CONTROL_PRIMARY_USE_MSR_BITMAPS))
		return true;
	if (!(WORD01(PRIMARY) & CONTROL_PRIMARY_USE_MSR_BITMAPS))
		return false;
	if (OF02(MSR_BITMAP) == v->base->msr_bitmap_hpa)
		return true;
	return OF02(MSR_BITMAP) == v->base->merged_msr_hpa &&
	       contains(v->base->merged_msr, v->base->msr_bitmap, 1);
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
