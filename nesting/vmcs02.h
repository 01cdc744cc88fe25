/*
 * vmcs02: the VMCS that L0 runs L2 with, made of what L0 needs itself and of what L1 wishes.
 */
#ifndef NESTING_VMCS02_H
#define NESTING_VMCS02_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/vmx/controls.h"
#include "l1vmm/vmx/tsc.h"
#include "nesting/vmx.h"

/* The pages of L1's that bitmaps were merged from. */
enum { MERGED_IO_A, MERGED_IO_B, MERGED_MSR, MERGED_BITMAPS };

/* A bit for each of a page's quadwords. */
#define MERGED_WORDS 8

struct vmcs02_merged {
	uint64_t gpa[MERGED_BITMAPS];
	bool fresh[MERGED_BITMAPS]; /* but for a store that `writes` tells of */
	bool unwatched;		    /* one of them in use may change without telling */
	uint64_t writes;	    /* vmcs02_base.writes when all that are fresh were */
	bool known[MERGED_BITMAPS]; /* where L0 leaves something to its guests: */
	uint64_t open[MERGED_BITMAPS][MERGED_WORDS];
};

/* What L0 brings along. */
struct vmcs02_base {
	struct controls controls;		/* of vmcs01 */
	uint32_t exceptions;			/* that L0 wants */
	uint32_t primary;			/* controls that L0 wants for L2 in particular */
	const uint8_t *io_bitmaps, *msr_bitmap; /* of vmcs01: two pages, one page */
	uint64_t io_bitmaps_hpa, msr_bitmap_hpa;
	uint8_t *merged_io, *merged_msr; /* the same for both levels */
	uint64_t merged_io_hpa, merged_msr_hpa;
	struct vmcs02_merged *merged;  /* what they hold */
	uint64_t writes;	       /* stores counted to pages that are watched */
	struct guest_tsc tsc;	       /* of L1 */
	uint64_t ept01, ept02;	       /* EPT pointers */
	uint16_t vpid;		       /* for L2; 0: L0 uses none */
	uint64_t virtual_apic;	       /* where L1's virtual-APIC page is, if it has one */
	uint64_t apic_access;	       /* and its APIC-access page */
	uint64_t no_apic;	       /* a page in place of one of these that is no memory */
	uint64_t cr0_fixed, cr4_fixed; /* bits that are 1 whatever L1 says */
	/* L1's own, which L2 starts with where L1 does not load them. */
	uint64_t efer, pat, dr7, debugctl;
};

/* The fields of vmcs02 that both levels have a part in. */
struct vmcs02_controls {
	struct controls word;
	uint32_t exceptions, page_fault_mask, page_fault_match;
	uint64_t io_bitmap_a, io_bitmap_b, msr_bitmap;
	struct guest_tsc tsc;
	uint64_t eptp;
	uint64_t virtual_apic, apic_access;
	uint16_t vpid;
};

/*
 * Merges the controls, and the bitmaps in memory where both levels use some.
 * @pre vmcs12 has passed the checks of VM entry
 */
void vmcs02_merge(struct nested *n, const struct vmcs02_base *base, struct vmcs02_controls *out);

/* The bitmaps alone, where nothing else has changed. */
void vmcs02_merge_bitmaps(struct nested *n, const struct vmcs02_base *base);

/*
 * Brings vmcs02 up to date for an entry: writes what L1 has written since the last one, and what
 * follows from it.  Afterwards nothing is held but what each entry has to load again.
 * @pre vmcs12 has passed the checks of VM entry
 */
void vmcs02_update(struct nested *n, const struct vmcs02_base *base, const struct vmcs_ops *to);

/* After an exit that becomes L1's: what L1 does not save of L2's state, it finds as it wrote it. */
void vmcs02_left(struct nested *n);

/* Whether the entry controls of vmcs12 leave some of L1's registers to L2. */
bool vmcs02_inherits(const struct nested *n);

/* Control words of vmcs12, 0 for the secondary ones where they are not activated. */
static inline uint32_t vmcs12_secondary(const struct vmcs12 *v)
{
	return vmcs12_get(v, VMCS_PRIMARY_CONTROLS) & CONTROL_PRIMARY_ACTIVATE_SECONDARY
		       ? (uint32_t)vmcs12_get(v, VMCS_SECONDARY_CONTROLS)
		       : 0;
}

/* What L1 makes of its clock for L2: without an offset it is L1's (SDM volume 3, 26.3). */
static inline struct guest_tsc vmcs12_tsc(const struct vmcs12 *v)
{
	bool offset = vmcs12_get(v, VMCS_PRIMARY_CONTROLS) & CONTROL_PRIMARY_TSC_OFFSETTING;
	bool scaled = offset && (vmcs12_secondary(v) & CONTROL_SECONDARY_TSC_SCALING);

	return (struct guest_tsc){
		.multiplier = scaled ? vmcs12_get(v, VMCS_TSC_MULTIPLIER) : TSC_MULTIPLIER_1,
		.offset = offset ? vmcs12_get(v, VMCS_TSC_OFFSET) : 0,
	};
}

static inline bool vmcs12_has_timer(const struct vmcs12 *v)
{
	return vmcs12_get(v, VMCS_PIN_BASED_CONTROLS) & CONTROL_PIN_PREEMPTION_TIMER;
}

static inline bool vmcs12_uses_ept(const struct vmcs12 *v)
{
	return vmcs12_secondary(v) & CONTROL_SECONDARY_ENABLE_EPT;
}

#endif
