/*
 * The memory of a guest's guest, for instructions that the hypervisor carries out for it: through
 * L2's page tables, and through ept12 where L1 has one.
 */
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/nested.h"
#include "l1vmm/vmx/paging_state.h"
#include "nesting/virtual_apic.h"

struct paging_state nested_paging_state(struct vcpu *v)
{
	struct paging_state state = {
		.maxphyaddr = v->maxphyaddr,
		.pages_1g = v->pages_1g,
	};

	if (v->nested->paging_on) {
		state = v->nested->paging;
		state.rflags = vmcs_read(v, VMCS_GUEST_RFLAGS);
		return state;
	}
	state.cr0 = vmcs_read(v, VMCS_GUEST_CR0);
	state.cr3 = vmcs_read(v, VMCS_GUEST_CR3);
	state.cr4 = vmcs_read(v, VMCS_GUEST_CR4);
	state.efer = vmcs_read(v, VMCS_GUEST_IA32_EFER);
	state.rflags = vmcs_read(v, VMCS_GUEST_RFLAGS);
	if (paging_mode(&state) == PAGING_PAE)
		for (unsigned i = 0; i < 4; i++)
			state.pdpte[i] = vmcs_read(v, VMCS_GUEST_PDPTE0 + 2 * i);
	return state;
}

/* Whatever L1 has the processor virtualize of its APIC, what the hypervisor would carry out exits.
 */
static bool refuse_apic(struct vcpu_nested *n, uint64_t l2_gpa, uint64_t access)
{
	bool write = access & EPT_WRITE;

	n->refused = (struct nested_refusal){
		.reason = EXIT_REASON_APIC_ACCESS,
		.qualification = virtual_apic_qualification(n->walking ? APIC_ACCESS_GUEST_PHYSICAL
							    : write    ? APIC_ACCESS_WRITE
								       : APIC_ACCESS_READ,
							    l2_gpa),
		.l2_gpa = l2_gpa,
		.linear = n->linear,
	};
	return false;
}

/* What the processor would tell L1 of the access: SDM volume 3, table 28-7. */
static bool refuse(struct vcpu_nested *n, const struct ept12_walk *walk, uint64_t l2_gpa,
		   uint64_t access)
{
	if (walk->outcome == EPT12_CHANGED)
		return false;
	n->refused = (struct nested_refusal){
		.reason = walk->outcome == EPT12_MISCONFIG ? EXIT_REASON_EPT_MISCONFIG
							   : EXIT_REASON_EPT_VIOLATION,
		.l2_gpa = l2_gpa,
		.linear = n->linear,
	};
	if (walk->outcome == EPT12_VIOLATION)
		n->refused.qualification = ept12_qualification(
			access | EPT_VIOLATION_LINEAR | (n->walking ? 0 : EPT_VIOLATION_TRANSLATED),
			walk->granted);
	return false;
}

bool nested_translate(struct vcpu *v, uint64_t l2_gpa, uint64_t access, uint64_t *gpa)
{
	struct vcpu_nested *n = v->nested;
	const struct vmcs12 *v12 = n->vmx.vmcs12;
	struct ept12_walk walk;

	*gpa = l2_gpa;
	if (vmcs12_uses_ept(v12)) {
		walk = ept12_translate(&n->ept02.ops.l1, &n->vmx.offered,
				       vmcs12_get(v12, VMCS_EPT_POINTER), l2_gpa, access);
		if (walk.outcome != EPT12_PAGE)
			return refuse(n, &walk, l2_gpa, access);
		*gpa = walk.gpa;
	}
	return !virtual_apic_is_accessed(&n->vmx, *gpa) || refuse_apic(n, l2_gpa, access);
}

/* With accessed and dirty flags, accesses to paging structures are writes: SDM volume 3, 29.3.3.2.
 */
static uint64_t table_access(const struct vcpu *v, bool write)
{
	bool flags = vmcs12_get(v->nested->vmx.vmcs12, VMCS_EPT_POINTER) & EPT12_ACCESSED_DIRTY;

	return write || flags ? EPT_READ | EPT_WRITE : EPT_READ;
}

static bool find_entry(struct vcpu *v, uint64_t l2_gpa, bool write, uint64_t *gpa)
{
	bool found;

	v->nested->walking = true;
	found = nested_translate(v, l2_gpa, table_access(v, write), gpa);
	v->nested->walking = false;
	return found;
}

static bool read_entry(void *ctx, uint64_t l2_gpa, unsigned size, uint64_t *value)
{
	struct walk_memory memory = vcpu_walk_memory(ctx);
	uint64_t gpa;

	return find_entry(ctx, l2_gpa, false, &gpa) && memory.read(memory.ctx, gpa, size, value);
}

static bool exchange_entry(void *ctx, uint64_t l2_gpa, unsigned size, uint64_t expected,
			   uint64_t desired)
{
	struct walk_memory memory = vcpu_walk_memory(ctx);
	uint64_t gpa;

	return find_entry(ctx, l2_gpa, true, &gpa) &&
	       memory.exchange(memory.ctx, gpa, size, expected, desired);
}

struct walk_memory nested_walk_memory(struct vcpu *v)
{
	return (struct walk_memory){.read = read_entry, .exchange = exchange_entry, .ctx = v};
}

bool nested_leave_refused(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;
	const struct nested_refusal *r = &n->refused;

	if (!r->reason)
		return false;
	nested_set(&n->vmx, VMCS_EXIT_REASON, r->reason);
	nested_set(&n->vmx, VMCS_EXIT_QUALIFICATION, r->qualification);
	nested_set(&n->vmx, VMCS_GUEST_PHYSICAL_ADDRESS, r->l2_gpa);
	nested_set(&n->vmx, VMCS_GUEST_LINEAR_ADDRESS, r->linear);
	n->refused.reason = 0;
	nested_leave(v);
	return true;
}
