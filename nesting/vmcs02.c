#include "nesting/vmcs02.h"

#include <stddef.h>

#include "l1vmm/arch/x86.h"

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
	if (c.word.word[CONTROL_SECONDARY] & CONTROL_SECONDARY_VIRTUALIZE_APIC_ACCESSES)
		put(to, VMCS_APIC_ACCESS_ADDR, c.apic_access);
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
static bool touched_in_memory(const struct vmcs02_base *base)
{
	return base->merged->writes != base->writes || base->merged->unwatched;
}

void vmcs02_update(struct nested *n, const struct vmcs02_base *base, const struct vmcs_ops *to)
{
	unsigned touched = 0;

	for (unsigned word = 0; word < HELD_WORDS; word++) {
		uint64_t bits = n->held[word];

		for (; bits; bits &= bits - 1)
			touched |= update_slot(n, base, to,
					       word * 64 + (unsigned)__builtin_ctzll(bits));
	}
	if (touched & TOUCHED_CONTROLS) {
		write_controls(n, base, to);
		write_inherited(n, base, to);
	} else if (touched_in_memory(base)) {
		vmcs02_merge_bitmaps(n, base);
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
