/* What vmcs02 has of the controls of both levels, and the bitmaps that are theirs together. */
#include "l1vmm/arch/x86.h"
#include "nesting/virtual_apic.h"
#include "nesting/vmcs02.h"

/* Controls of vmcs01 that hold while L2 runs, too: what they stop is L0's. */
#define KEPT_PRIMARY                                                                   \
	((uint32_t)(CONTROL_PRIMARY_HLT_EXITING | CONTROL_PRIMARY_MWAIT_EXITING |      \
		    CONTROL_PRIMARY_RDPMC_EXITING | CONTROL_PRIMARY_RDTSC_EXITING |    \
		    CONTROL_PRIMARY_MOV_DR_EXITING | CONTROL_PRIMARY_MONITOR_EXITING | \
		    CONTROL_PRIMARY_PAUSE_EXITING | CONTROL_PRIMARY_ACTIVATE_SECONDARY))
#define KEPT_SECONDARY                                                                 \
	((uint32_t)(CONTROL_SECONDARY_ENABLE_EPT | CONTROL_SECONDARY_ENABLE_VPID |     \
		    CONTROL_SECONDARY_WBINVD_EXITING | CONTROL_SECONDARY_TSC_SCALING | \
		    CONTROL_SECONDARY_DESCRIPTOR_TABLE_EXITING))

/* L0 has a VPID of its own for L2, and carries out itself what shadowing leaves to L2. */
#define SECONDARY_OF_L1_ALONE \
	((uint32_t)(CONTROL_SECONDARY_ENABLE_VPID | CONTROL_SECONDARY_VMCS_SHADOWING))

/* The task priority is L0's, unless L1 has a virtual one for L2. */
#define CR8_EXITS ((uint32_t)(CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING))

/* Posted interrupts reach each level by a descriptor of its own, and L0 takes over those of L1's.
 */
#define PIN_OF_NEITHER ((uint32_t)CONTROL_PIN_POSTED_INTERRUPTS)

/* Exit and entry controls that say what L1 finds and L2 starts with; vmcs02 has L0's. */
#define EXIT_OF_L1  ((uint32_t)CONTROL_EXIT_SAVE_PREEMPTION_TIMER)
#define ENTRY_OF_L1 ((uint32_t)CONTROL_ENTRY_IA32E_MODE_GUEST)

#define IO_CONTROLS \
	((uint32_t)(CONTROL_PRIMARY_USE_IO_BITMAPS | CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING))

static bool traps_all_io(uint32_t primary)
{
	return (primary & IO_CONTROLS) == CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING;
}

/* In all other words than those it finds, nothing is open: all of it exits, whatever L1 says. */
static void find_open(struct vmcs02_merged *m, unsigned which, const uint64_t *ours, uint64_t *out)
{
	uint64_t *open = m->open[which];

	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*ours); i++) {
		bool closed = ours[i] == UINT64_MAX;

		out[i] = UINT64_MAX;
		open[i / 64] |= (uint64_t)!closed << i % 64;
	}
	m->known[which] = true;
}

/* L1's page OR L0's; a page of L1 that is no memory reads as all ones. */
static void merge_page(const struct nested *n, const struct vmcs02_base *base, unsigned which,
		       uint64_t gpa, const uint8_t *own, uint8_t *merged)
{
	const uint64_t *theirs = n->ops.memory(n->ops.ctx, gpa, PAGE_SIZE);
	const uint64_t *ours = (const uint64_t *)own;
	uint64_t *out = (uint64_t *)merged;
	struct vmcs02_merged *m = base->merged;

	if (m->fresh[which] && m->gpa[which] == gpa)
		return;
	m->gpa[which] = gpa;
	m->fresh[which] = !theirs || n->ops.watch(n->ops.ctx, gpa);
	m->unwatched |= !m->fresh[which];
	if (!m->known[which])
		find_open(m, which, ours, out);
	for (unsigned i = 0; i < MERGED_WORDS; i++)
		for (uint64_t open = m->open[which][i]; open; open &= open - 1) {
			unsigned at = i * 64 + (unsigned)__builtin_ctzll(open);

			out[at] = ours[at] | (theirs ? theirs[at] : UINT64_MAX);
		}
}

static void merge_io(struct nested *n, const struct vmcs02_base *base, uint32_t primary12,
		     struct vmcs02_controls *out)
{
	uint32_t *primary = &out->word.word[CONTROL_PRIMARY];
	uint32_t primary01 = base->controls.word[CONTROL_PRIMARY];

	*primary &= ~IO_CONTROLS;
	out->io_bitmap_a = base->io_bitmaps_hpa;
	out->io_bitmap_b = base->io_bitmaps_hpa + PAGE_SIZE;
	if (traps_all_io(primary01) || traps_all_io(primary12)) {
		*primary |= CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING;
		return;
	}
	*primary |= (primary01 | primary12) & CONTROL_PRIMARY_USE_IO_BITMAPS;
	if (!(primary12 & CONTROL_PRIMARY_USE_IO_BITMAPS))
		return;
	merge_page(n, base, MERGED_IO_A, vmcs12_get(n->vmcs12, VMCS_IO_BITMAP_A), base->io_bitmaps,
		   base->merged_io);
	merge_page(n, base, MERGED_IO_B, vmcs12_get(n->vmcs12, VMCS_IO_BITMAP_B),
		   base->io_bitmaps + PAGE_SIZE, base->merged_io + PAGE_SIZE);
	out->io_bitmap_a = base->merged_io_hpa;
	out->io_bitmap_b = base->merged_io_hpa + PAGE_SIZE;
}

/*
 * The x2APIC that L2 reaches without an exit is in L1's virtual-APIC page, whatever L0 leaves to L1
 * of its own: any other would be the processor's.
 */
static void merge_x2apic(const struct nested *n, const struct vmcs02_base *base)
{
	uint64_t gpa = vmcs12_get(n->vmcs12, VMCS_MSR_BITMAP);
	const uint64_t *theirs = n->ops.memory(n->ops.ctx, gpa, PAGE_SIZE);
	uint32_t secondary = vmcs12_secondary(n->vmcs12);
	uint64_t *merged = (uint64_t *)base->merged_msr;

	for (unsigned i = 0; i < 2 * X2APIC_WORDS; i++) {
		bool write = i >= X2APIC_WORDS;
		unsigned word = i % X2APIC_WORDS;
		unsigned at = (write ? X2APIC_WRITES : X2APIC_READS) + word;

		merged[at] = (theirs ? theirs[at] : UINT64_MAX) |
			     ~virtual_apic_msrs(secondary, word, write);
	}
}

/* Without a bitmap, all MSRs exit; so they do if either level has none. */
static void merge_msr(struct nested *n, const struct vmcs02_base *base, uint32_t primary12,
		      struct vmcs02_controls *out)
{
	uint32_t both = primary12 & base->controls.word[CONTROL_PRIMARY];

	out->msr_bitmap = base->msr_bitmap_hpa;
	if (!(both & CONTROL_PRIMARY_USE_MSR_BITMAPS))
		return;
	out->word.word[CONTROL_PRIMARY] |= CONTROL_PRIMARY_USE_MSR_BITMAPS;
	merge_page(n, base, MERGED_MSR, vmcs12_get(n->vmcs12, VMCS_MSR_BITMAP), base->msr_bitmap,
		   base->merged_msr);
	merge_x2apic(n, base);
	out->msr_bitmap = base->merged_msr_hpa;
}

/* L0 wants all page faults or none; if it wants none, L1's choice stands: SDM volume 3, 26.2. */
static void merge_exceptions(const struct nested *n, const struct vmcs02_base *base,
			     struct vmcs02_controls *out)
{
	const struct vmcs12 *v = n->vmcs12;

	out->exceptions = base->exceptions | (uint32_t)vmcs12_get(v, VMCS_EXCEPTION_BITMAP);
	if (base->exceptions & BIT(VECTOR_PF))
		return;
	out->page_fault_mask = (uint32_t)vmcs12_get(v, VMCS_PAGE_FAULT_ERROR_CODE_MASK);
	out->page_fault_match = (uint32_t)vmcs12_get(v, VMCS_PAGE_FAULT_ERROR_CODE_MATCH);
}

static void merge_words(const struct nested *n, const struct vmcs02_base *base,
			struct controls *out)
{
	const uint32_t *l0 = base->controls.word;
	const struct vmcs12 *v = n->vmcs12;
	uint32_t pin12 = (uint32_t)vmcs12_get(v, VMCS_PIN_BASED_CONTROLS);
	uint32_t primary12 = (uint32_t)vmcs12_get(v, VMCS_PRIMARY_CONTROLS);
	uint32_t exit12 = (uint32_t)vmcs12_get(v, VMCS_EXIT_CONTROLS);
	uint32_t entry12 = (uint32_t)vmcs12_get(v, VMCS_ENTRY_CONTROLS);

	out->word[CONTROL_PIN] = (l0[CONTROL_PIN] | pin12) & ~PIN_OF_NEITHER;
	out->word[CONTROL_PRIMARY] =
		(l0[CONTROL_PRIMARY] & (KEPT_PRIMARY | CONTROL_PRIMARY_TSC_OFFSETTING)) |
		(primary12 & CONTROL_PRIMARY_USE_TPR_SHADOW ? 0 : CR8_EXITS) | base->primary |
		(primary12 & ~(uint32_t)CONTROL_PRIMARY_USE_MSR_BITMAPS);
	out->word[CONTROL_SECONDARY] = (l0[CONTROL_SECONDARY] & KEPT_SECONDARY) |
				       (vmcs12_secondary(v) & ~SECONDARY_OF_L1_ALONE);
	out->word[CONTROL_EXIT] = l0[CONTROL_EXIT] | (exit12 & EXIT_OF_L1);
	out->word[CONTROL_ENTRY] = (l0[CONTROL_ENTRY] & ~ENTRY_OF_L1) | (entry12 & ENTRY_OF_L1);
}

/* A store to any page that is watched may have been to each of them. */
static void forget_stale(struct vmcs02_merged *m, uint64_t writes)
{
	for (unsigned i = 0; m->writes != writes && i < MERGED_BITMAPS; i++)
		m->fresh[i] = false;
	m->writes = writes;
	m->unwatched = false;
}

void vmcs02_merge_bitmaps(struct nested *n, const struct vmcs02_base *base)
{
	uint32_t primary12 = (uint32_t)vmcs12_get(n->vmcs12, VMCS_PRIMARY_CONTROLS);
	struct vmcs02_controls same;

	forget_stale(base->merged, base->writes);
	same.word.word[CONTROL_PRIMARY] = 0;
	merge_io(n, base, primary12, &same);
	merge_msr(n, base, primary12, &same);
}

void vmcs02_merge(struct nested *n, const struct vmcs02_base *base, struct vmcs02_controls *out)
{
	const struct vmcs12 *v = n->vmcs12;
	uint32_t primary12 = (uint32_t)vmcs12_get(v, VMCS_PRIMARY_CONTROLS);
	struct guest_tsc inner;

	forget_stale(base->merged, base->writes);
	*out = (struct vmcs02_controls){.eptp = base->ept01,
					.vpid = base->vpid,
					.virtual_apic = base->virtual_apic,
					.apic_access = base->apic_access};
	merge_words(n, base, &out->word);
	merge_io(n, base, primary12, out);
	merge_msr(n, base, primary12, out);
	merge_exceptions(n, base, out);
	inner = vmcs12_tsc(v);
	out->tsc = tsc_compose(&base->tsc, &inner);
	if (vmcs12_uses_ept(v))
		out->eptp = base->ept02;
}
