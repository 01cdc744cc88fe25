#include "l1vmm/vmx/paging_state.h"

#include "l1vmm/arch/x86.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/cr.h"
#include "l1vmm/vmx/shadow.h"

struct paging_state vcpu_paging_state(struct vcpu *v)
{
	struct paging_state state = {
		.cr0 = guest_read_cr0(v),
		.cr3 = guest_read_cr3(v),
		.cr4 = guest_read_cr4(v),
		.efer = v->efer,
		.rflags = vmcs_read(v, VMCS_GUEST_RFLAGS),
		.maxphyaddr = v->maxphyaddr,
		.pages_1g = v->pages_1g,
	};

	if (paging_mode(&state) == PAGING_PAE)
		for (unsigned i = 0; i < 4; i++)
			state.pdpte[i] = guest_read_pdpte(v, i);
	return state;
}

static bool read_entry(void *ctx, uint64_t gpa, unsigned size, uint64_t *value)
{
	const struct vcpu *v = ctx;
	const void *entry = vm_memory(v->vm, gpa, size);

	if (!entry)
		return false;
	*value = size == 8 ? *(const volatile uint64_t *)entry : *(const volatile uint32_t *)entry;
	return true;
}

static bool exchange_entry(void *ctx, uint64_t gpa, unsigned size, uint64_t expected,
			   uint64_t desired)
{
	struct vcpu *v = ctx;
	void *entry = vm_memory(v->vm, gpa, size);
	uint32_t expected_32 = (uint32_t)expected;

	if (!entry)
		return false;
	vm_written(v->vm, gpa, size);
	if (size == 8)
		return __atomic_compare_exchange_n((uint64_t *)entry, &expected, desired, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return __atomic_compare_exchange_n((uint32_t *)entry, &expected_32, (uint32_t)desired,
					   false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

struct walk_memory vcpu_walk_memory(struct vcpu *v)
{
	return (struct walk_memory){.read = read_entry, .exchange = exchange_entry, .ctx = v};
}
