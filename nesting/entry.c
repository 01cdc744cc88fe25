#include "nesting/entry.h"

#include <stddef.h>

#include "l1vmm/arch/msr.h"
#include "l1vmm/lib/string.h"

/* The groups that the checks read that are due when `group` has changed. */
static uint32_t groups_read_with(unsigned group)
{
	uint32_t groups = 0;

	for (unsigned check = 0; check < ENTRY_VMCS_CHECKS; check++)
		if (entry_check_info(check)->reads >> group & 1)
			groups |= entry_check_info(check)->reads;
	return groups & ENTRY_CHANGED(VM86) ? groups | ENTRY_CHANGED(RFLAGS) : groups;
}

static void list_what_is_read(struct nested *n, unsigned group, uint32_t groups)
{
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++)
		if (n->rules.groups[slot] & groups)
			n->read_with[group][slot / 64] |= UINT64_C(1) << slot % 64;
}

void nested_entry_init(struct nested *n, uint64_t efer, uint64_t debugctl)
{
	n->rules = (struct entry_rules){
		.vmx = &n->offered,
		.efer = efer,
		.debugctl = debugctl,
		.vm_functions = vmx_functions(&n->offered),
		.linear_address_bits = 48,
	};
	entry_rules_init(&n->rules);
	n->changed = ENTRY_CHANGED_ALL;
	for (unsigned group = 0; group < ENTRY_GROUPS; group++)
		list_what_is_read(n, group, groups_read_with(group));
}

/* Once, and quadwords at once, as another processor of L1's may store there. */
static void read_memory(void *ctx, uint64_t gpa, void *to, size_t bytes)
{
	const struct nested *n = ctx;
	const void *from = n->ops.memory(n->ops.ctx, gpa, bytes);

	memset(to, 0xff, bytes);
	if (from && bytes % sizeof(uint64_t))
		memcpy(to, from, bytes);
	else if (from)
		for (size_t i = 0; i < bytes / sizeof(uint64_t); i++)
			((uint64_t *)to)[i] = ((const volatile uint64_t *)from)[i];
}

static bool load_msr(void *ctx, uint32_t index, uint64_t value)
{
	const struct nested *n = ctx;

	return n->ops.write_msr(n->ops.ctx, index, value);
}

static struct entry entry_of(struct nested *n, bool ia32e_mode)
{
	return (struct entry){
		.vmcs12 = n->vmcs12,
		.current = n->current,
		.ia32e_mode = ia32e_mode,
		.read = read_memory,
		.load_msr = load_msr,
		.ctx = n,
		.pdptes = n->pdptes,
	};
}

static void refresh(struct nested *n, enum vmcs_field field)
{
	vmcs12_set(n->vmcs12, field, nested_get(n, field));
}

/* Brings up to date what the checks read and vmcs02 has. */
static void refresh_what_is_read(struct nested *n)
{
	static const enum vmcs_field paging[] = {
		VMCS_GUEST_CR0,	   VMCS_GUEST_CR3,    VMCS_GUEST_CR4,	 VMCS_GUEST_PDPTE0,
		VMCS_GUEST_PDPTE1, VMCS_GUEST_PDPTE2, VMCS_GUEST_PDPTE3,
	};
	bool ia32e = vmcs12_get(n->vmcs12, VMCS_ENTRY_CONTROLS) & CONTROL_ENTRY_IA32E_MODE_GUEST;

	for (uint32_t groups = n->changed & ~ENTRY_CHANGED(MEMORY); groups; groups &= groups - 1) {
		const uint64_t *read = n->read_with[__builtin_ctz(groups)];

		for (unsigned word = 0; word < HELD_WORDS; word++)
			for (uint64_t bits = read[word] & n->live[word] & ~n->held[word]; bits;
			     bits &= bits - 1) {
				unsigned slot = word * 64 + (unsigned)__builtin_ctzll(bits);

				refresh(n, n->layout.field[slot].encoding);
			}
	}
	/* PDPTEs in memory can change at any time, and then their registers decide. */
	for (size_t i = 0; !ia32e && i < sizeof(paging) / sizeof(paging[0]); i++)
		refresh(n, paging[i]);
}

enum entry_check nested_entry_check(struct nested *n, bool ia32e_mode)
{
	struct entry entry = entry_of(n, ia32e_mode);
	enum entry_check check;

	if (ia32e_mode != n->entered_from_ia32e)
		n->changed |= ENTRY_CHANGED(HOST);
	n->entered_from_ia32e = ia32e_mode;
	refresh_what_is_read(n);
	check = entry_check_vmcs(&n->rules, &entry, n->changed);
	if (check == ENTRY_PASSED)
		n->changed = 0;
	return check;
}

enum entry_check nested_entry_load_msrs(struct nested *n, uint32_t *number)
{
	const struct entry entry = entry_of(n, n->entered_from_ia32e);

	if (!vmcs12_get(n->vmcs12, VMCS_ENTRY_MSR_LOAD_COUNT))
		return ENTRY_PASSED;
	return entry_load_msrs(&n->rules, &entry, number);
}

/* MSRs that no area may name: SDM volume 3, 28.4 and 28.6. */
static bool forbidden(const struct entry_msr *msr)
{
	return msr->reserved || msr->index >> 8 == MSR_X2APIC_FIRST >> 8;
}

bool nested_exit_store_msrs(struct nested *n)
{
	uint64_t area = vmcs12_get(n->vmcs12, VMCS_EXIT_MSR_STORE_ADDR);
	uint64_t count = vmcs12_get(n->vmcs12, VMCS_EXIT_MSR_STORE_COUNT);

	if (count > entry_msrs_most(&n->rules))
		return false;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t at = area + i * sizeof(struct entry_msr);
		struct entry_msr msr;

		/* Where there is no memory, the MSR of ones is one that no area may name. */
		read_memory(n, at, &msr, sizeof(msr));
		if (forbidden(&msr) || !n->ops.read_msr(n->ops.ctx, msr.index, &msr.value))
			return false;
		n->ops.store(n->ops.ctx, at + offsetof(struct entry_msr, value), &msr.value,
			     sizeof(msr.value));
	}
	return true;
}

bool nested_exit_load_msrs(struct nested *n)
{
	uint64_t area = vmcs12_get(n->vmcs12, VMCS_EXIT_MSR_LOAD_ADDR);
	uint64_t count = vmcs12_get(n->vmcs12, VMCS_EXIT_MSR_LOAD_COUNT);

	if (count > entry_msrs_most(&n->rules))
		return false;
	for (uint64_t i = 0; i < count; i++) {
		struct entry_msr msr;

		read_memory(n, area + i * sizeof(msr), &msr, sizeof(msr));
		if (forbidden(&msr) || msr.index == MSR_IA32_FS_BASE ||
		    msr.index == MSR_IA32_GS_BASE ||
		    !n->ops.write_msr(n->ops.ctx, msr.index, msr.value))
			return false;
	}
	return true;
}
