#include "nesting/vmcs02.h"

#include <stddef.h>

#include "l1vmm/arch/x86.h"

#define PAGE 4096

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

/* What other processors post is for L1: while L2 runs, L0 takes it in. */
#define PIN_OF_VMCS01 ((uint32_t)CONTROL_PIN_POSTED_INTERRUPTS)

/* L0 has a VPID of its own for L2, and carries out itself what shadowing leaves to L2. */
#define SECONDARY_OF_L1_ALONE \
	((uint32_t)(CONTROL_SECONDARY_ENABLE_VPID | CONTROL_SECONDARY_VMCS_SHADOWING))

/* The task priority is L0's, unless L1 has a virtual one for L2. */
#define CR8_EXITS ((uint32_t)(CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING))

/* Exit and entry controls that say what L1 finds and L2 starts with; vmcs02 has L0's. */
#define EXIT_OF_L1  ((uint32_t)CONTROL_EXIT_SAVE_PREEMPTION_TIMER)
#define ENTRY_OF_L1 ((uint32_t)CONTROL_ENTRY_IA32E_MODE_GUEST)

#define IO_CONTROLS \
	((uint32_t)(CONTROL_PRIMARY_USE_IO_BITMAPS | CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING))

static bool traps_all_io(uint32_t primary)
{
	return (primary & IO_CONTROLS) == CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING;
}

/* L1's page OR L0's; a page of L1 that is no memory reads as all ones. */
static void merge_page(const struct nested *n, const struct vmcs02_base *base, unsigned which,
		       uint64_t gpa, const uint8_t *own, uint8_t *merged)
{
	const uint64_t *theirs = n->ops.memory(n->ops.ctx, gpa, PAGE);
	const uint64_t *ours = (const uint64_t *)own;
	uint64_t *out = (uint64_t *)merged;
	struct vmcs02_merged *m = base->merged;

	if (m->fresh[which] && m->gpa[which] == gpa)
		return;
	m->gpa[which] = gpa;
	m->fresh[which] = !theirs || n->ops.watch(n->ops.ctx, gpa);
	m->unwatched |= !m->fresh[which];
	for (unsigned i = 0; i < PAGE / sizeof(*out); i++)
		out[i] = ours[i] | (theirs ? theirs[i] : UINT64_MAX);
}

static void merge_io(struct nested *n, const struct vmcs02_base *base, uint32_t primary12,
		     struct vmcs02_controls *out)
{
	uint32_t *primary = &out->word.word[CONTROL_PRIMARY];
	uint32_t primary01 = base->controls.word[CONTROL_PRIMARY];

	*primary &= ~IO_CONTROLS;
	out->io_bitmap_a = base->io_bitmaps_hpa;
	out->io_bitmap_b = base->io_bitmaps_hpa + PAGE;
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
		   base->io_bitmaps + PAGE, base->merged_io + PAGE);
	out->io_bitmap_a = base->merged_io_hpa;
	out->io_bitmap_b = base->merged_io_hpa + PAGE;
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

	out->word[CONTROL_PIN] = (l0[CONTROL_PIN] & ~PIN_OF_VMCS01) | pin12;
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

void vmcs02_merge(struct nested *n, const struct vmcs02_base *base, struct vmcs02_controls *out)
{
	const struct vmcs12 *v = n->vmcs12;
	uint32_t primary12 = (uint32_t)vmcs12_get(v, VMCS_PRIMARY_CONTROLS);
	struct guest_tsc inner;

	forget_stale(base->merged, base->writes);
	*out = (struct vmcs02_controls){
		.eptp = base->ept01, .vpid = base->vpid, .virtual_apic = base->virtual_apic};
	merge_words(n, base, &out->word);
	merge_io(n, base, primary12, out);
	merge_msr(n, base, primary12, out);
	merge_exceptions(n, base, out);
	inner = vmcs12_tsc(v);
	out->tsc = tsc_compose(&base->tsc, &inner);
	if (vmcs12_uses_ept(v))
		out->eptp = base->ept02;
}

static void put(const struct vmcs_ops *to, enum vmcs_field field, uint64_t value)
{
	to->write(to->ctx, field, value);
}

static void write_controls(struct nested *n, const struct vmcs02_base *base,
			   const struct vmcs_ops *to)
{
	struct vmcs02_controls c;

	vmcs02_merge(n, base, &c);
	put(to, VMCS_PIN_BASED_CONTROLS, c.word.word[CONTROL_PIN]);
	put(to, VMCS_PRIMARY_CONTROLS, c.word.word[CONTROL_PRIMARY]);
	put(to, VMCS_SECONDARY_CONTROLS, c.word.word[CONTROL_SECONDARY]);
	put(to, VMCS_EXIT_CONTROLS, c.word.word[CONTROL_EXIT]);
	put(to, VMCS_ENTRY_CONTROLS, c.word.word[CONTROL_ENTRY]);
	put(to, VMCS_EXCEPTION_BITMAP, c.exceptions);
	put(to, VMCS_PAGE_FAULT_ERROR_CODE_MASK, c.page_fault_mask);
	put(to, VMCS_PAGE_FAULT_ERROR_CODE_MATCH, c.page_fault_match);
	put(to, VMCS_TSC_OFFSET, c.tsc.offset);
	if (c.word.word[CONTROL_SECONDARY] & CONTROL_SECONDARY_TSC_SCALING)
		put(to, VMCS_TSC_MULTIPLIER, c.tsc.multiplier);
	if (c.word.word[CONTROL_PRIMARY] & CONTROL_PRIMARY_USE_IO_BITMAPS) {
		put(to, VMCS_IO_BITMAP_A, c.io_bitmap_a);
		put(to, VMCS_IO_BITMAP_B, c.io_bitmap_b);
	}
	if (c.word.word[CONTROL_PRIMARY] & CONTROL_PRIMARY_USE_MSR_BITMAPS)
		put(to, VMCS_MSR_BITMAP, c.msr_bitmap);
	if (c.word.word[CONTROL_PRIMARY] & CONTROL_PRIMARY_USE_TPR_SHADOW)
		put(to, VMCS_VIRTUAL_APIC_PAGE_ADDR, c.virtual_apic);
	if (c.word.word[CONTROL_SECONDARY] & CONTROL_SECONDARY_ENABLE_EPT)
		put(to, VMCS_EPT_POINTER, c.eptp);
	/* With no function on, each VMFUNC is an exit. */
	if (c.word.word[CONTROL_SECONDARY] & CONTROL_SECONDARY_ENABLE_VMFUNC)
		put(to, VMCS_VM_FUNCTION_CONTROLS, 0);
	if (c.word.word[CONTROL_SECONDARY] & CONTROL_SECONDARY_ENABLE_VPID)
		put(to, VMCS_VPID, c.vpid);
}

/*
 * A control register that L1 has set for L2, `field`.  L2 reads L1's shadow where L1 owns a bit,
 * and what L1 set where only L0 does (SDM volume 3, 25.6.6).
 */
static void write_cr(struct nested *n, const struct vmcs_ops *to, enum vmcs_field field,
		     enum vmcs_field mask, enum vmcs_field shadow, uint64_t owned, uint64_t fixed)
{
	const struct vmcs12 *v = n->vmcs12;
	uint64_t value = vmcs12_get(v, field);
	uint64_t mask12 = vmcs12_get(v, mask);

	put(to, field, value | fixed);
	put(to, mask, mask12 | owned);
	put(to, shadow, (vmcs12_get(v, shadow) & mask12) | (value & ~mask12));
}

static void write_cr0(struct nested *n, const struct vmcs02_base *base, const struct vmcs_ops *to)
{
	write_cr(n, to, VMCS_GUEST_CR0, VMCS_CR0_GUEST_HOST_MASK, VMCS_CR0_READ_SHADOW,
		 n->cr0_owned, base->cr0_fixed);
}

static void write_cr4(struct nested *n, const struct vmcs02_base *base, const struct vmcs_ops *to)
{
	write_cr(n, to, VMCS_GUEST_CR4, VMCS_CR4_GUEST_HOST_MASK, VMCS_CR4_READ_SHADOW,
		 n->cr4_owned, base->cr4_fixed);
}

static uint32_t entry_controls(const struct nested *n)
{
	return (uint32_t)vmcs12_get(n->vmcs12, VMCS_ENTRY_CONTROLS);
}

/* Without "load IA32_EFER", LMA and LME follow "IA-32e mode guest": SDM volume 3, 27.3.2.1. */
static uint64_t efer_of_l2(const struct nested *n, const struct vmcs02_base *base)
{
	uint64_t paging = vmcs12_get(n->vmcs12, VMCS_GUEST_CR0) & CR0_PG;
	uint64_t efer = base->efer;

	if (entry_controls(n) & CONTROL_ENTRY_ENTRY_LOAD_IA32_EFER)
		return vmcs12_get(n->vmcs12, VMCS_GUEST_IA32_EFER);
	if (entry_controls(n) & CONTROL_ENTRY_IA32E_MODE_GUEST)
		return efer | EFER_LMA | EFER_LME;
	return efer & ~(EFER_LMA | (paging ? EFER_LME : 0));
}

static void write_composed(struct nested *n, const struct vmcs02_base *base,
			   const struct vmcs_ops *to, enum vmcs_field field)
{
	uint32_t entry = entry_controls(n);
	uint64_t value = vmcs12_get(n->vmcs12, field);

	switch (field) {
	case VMCS_GUEST_CR0:
		write_cr0(n, base, to);
		return;
	case VMCS_GUEST_CR4:
		write_cr4(n, base, to);
		return;
	case VMCS_GUEST_IA32_EFER:
		value = efer_of_l2(n, base);
		break;
	case VMCS_GUEST_IA32_PAT:
		if (!(entry & CONTROL_ENTRY_ENTRY_LOAD_IA32_PAT))
			value = base->pat;
		break;
	case VMCS_GUEST_DR7:
		if (!(entry & CONTROL_ENTRY_LOAD_DEBUG_CONTROLS))
			value = base->dr7;
		break;
	case VMCS_GUEST_IA32_DEBUGCTL:
		if (!(entry & CONTROL_ENTRY_LOAD_DEBUG_CONTROLS))
			value = base->debugctl;
		break;
	default:
		break;
	}
	put(to, field, value);
}

/* Fields that an exit saves only if the control `exit` is set, and an entry loads by `entry`. */
static const struct {
	enum vmcs_field field;
	uint32_t exit, entry;
} optional[] = {
	{VMCS_GUEST_IA32_EFER, CONTROL_EXIT_SAVE_IA32_EFER, CONTROL_ENTRY_ENTRY_LOAD_IA32_EFER},
	{VMCS_GUEST_IA32_PAT, CONTROL_EXIT_SAVE_IA32_PAT, CONTROL_ENTRY_ENTRY_LOAD_IA32_PAT},
	{VMCS_GUEST_DR7, CONTROL_EXIT_SAVE_DEBUG_CONTROLS, CONTROL_ENTRY_LOAD_DEBUG_CONTROLS},
	{VMCS_GUEST_IA32_DEBUGCTL, CONTROL_EXIT_SAVE_DEBUG_CONTROLS,
	 CONTROL_ENTRY_LOAD_DEBUG_CONTROLS},
};

/* L2 inherits from L1 what L1 does not load for it, whatever was loaded for it before. */
static void write_inherited(struct nested *n, const struct vmcs02_base *base,
			    const struct vmcs_ops *to)
{
	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
		if (!(entry_controls(n) & optional[i].entry))
			write_composed(n, base, to, optional[i].field);
}

/* What a written control touches. */
enum touched {
	TOUCHED_CONTROLS = 1 << 0,
	TOUCHED_CR0 = 1 << 1,
	TOUCHED_CR4 = 1 << 2,
};

static unsigned touched_by(enum vmcs_field field)
{
	switch (field) {
	case VMCS_CR0_GUEST_HOST_MASK:
	case VMCS_CR0_READ_SHADOW:
		return TOUCHED_CR0;
	case VMCS_CR4_GUEST_HOST_MASK:
	case VMCS_CR4_READ_SHADOW:
		return TOUCHED_CR4;
	case VMCS_INSTRUCTION_ERROR:
		return 0;
	default:
		return TOUCHED_CONTROLS;
	}
}

static unsigned update_slot(struct nested *n, const struct vmcs02_base *base,
			    const struct vmcs_ops *to, unsigned slot)
{
	const struct vmcs12_field *field = &n->layout.field[slot];

	switch ((enum vmcs12_use)field->use) {
	case VMCS12_GUEST:
	case VMCS12_COPY:
		put(to, field->encoding, n->vmcs12->slot[slot]);
		return 0;
	case VMCS12_COMPOSED:
		write_composed(n, base, to, field->encoding);
		return 0;
	case VMCS12_CONTROL:
		return touched_by(field->encoding);
	case VMCS12_ABSENT:
	case VMCS12_HOST:
	case VMCS12_INFO:
	case VMCS12_USES:
		break;
	}
	return 0;
}

/* L1 may write a mask without the register, whose truth is in vmcs02 then. */
static void refresh_cr(struct nested *n, enum vmcs_field field)
{
	vmcs12_set(n->vmcs12, field, nested_get(n, field));
}

/* L1 may write to its bitmaps while L2 does not run: SDM volume 3, 25.11.4. */
static unsigned touched_in_memory(const struct nested *n, const struct vmcs02_base *base)
{
	const uint64_t bitmaps = CONTROL_PRIMARY_USE_IO_BITMAPS | CONTROL_PRIMARY_USE_MSR_BITMAPS;

	if (base->merged->writes == base->writes && !base->merged->unwatched)
		return 0;
	return vmcs12_get(n->vmcs12, VMCS_PRIMARY_CONTROLS) & bitmaps ? TOUCHED_CONTROLS : 0;
}

void vmcs02_update(struct nested *n, const struct vmcs02_base *base, const struct vmcs_ops *to)
{
	unsigned touched = touched_in_memory(n, base);

	for (unsigned word = 0; word < HELD_WORDS; word++) {
		uint64_t bits = n->held[word];

		for (; bits; bits &= bits - 1)
			touched |= update_slot(n, base, to,
					       word * 64 + (unsigned)__builtin_ctzll(bits));
	}
	if (touched & TOUCHED_CONTROLS) {
		write_controls(n, base, to);
		write_inherited(n, base, to);
	}
	if (touched & TOUCHED_CR0) {
		refresh_cr(n, VMCS_GUEST_CR0);
		write_cr0(n, base, to);
	}
	if (touched & TOUCHED_CR4) {
		refresh_cr(n, VMCS_GUEST_CR4);
		write_cr4(n, base, to);
	}
	for (unsigned word = 0; word < HELD_WORDS; word++)
		n->held[word] = 0;
}

void vmcs02_left(struct nested *n)
{
	uint32_t exit = (uint32_t)vmcs12_get(n->vmcs12, VMCS_EXIT_CONTROLS);
	uint32_t entry = entry_controls(n);

	if (!(exit & CONTROL_EXIT_SAVE_PREEMPTION_TIMER) && vmcs12_has_timer(n->vmcs12))
		nested_hold(n, VMCS_PREEMPTION_TIMER_VALUE);
	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++) {
		if (!(exit & optional[i].exit)) {
			nested_hold(n, optional[i].field);
		} else if (!(entry & optional[i].entry)) {
			vmcs12_set(n->vmcs12, optional[i].field,
				   n->ops.vmcs02_read(n->ops.ctx, optional[i].field));
			nested_hold(n, optional[i].field);
		}
	}
}

bool vmcs02_inherits(const struct nested *n)
{
	uint32_t all = 0;

	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
		all |= optional[i].entry;
	return (entry_controls(n) & all) != all;
}
