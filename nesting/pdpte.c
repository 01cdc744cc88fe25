#include "nesting/pdpte.h"

#include "l1vmm/arch/x86.h"
#include "nesting/vmcs02.h"

#define PDPTES	    4
#define CR3_ADDRESS UINT64_C(0xffffffe0) /* with PAE paging: SDM volume 3, table 4-7 */
#define ALWAYS_ZERO UINT64_C(0x1e6)

static bool are_loaded(struct nested *n)
{
	uint64_t entry = vmcs12_get(n->vmcs12, VMCS_ENTRY_CONTROLS);

	return !vmcs12_uses_ept(n->vmcs12) && !(entry & CONTROL_ENTRY_IA32E_MODE_GUEST) &&
	       (nested_get(n, VMCS_GUEST_CR0) & CR0_PG) &&
	       (nested_get(n, VMCS_GUEST_CR4) & CR4_PAE);
}

bool nested_load_pdptes(struct nested *n, const struct vmcs_ops *to)
{
	const volatile uint64_t *table;
	uint64_t reserved = ALWAYS_ZERO | ~(BIT(n->offered.physical_address_bits) - 1);
	uint64_t entries[PDPTES];

	if (!are_loaded(n))
		return true;
	table = n->ops.memory(n->ops.ctx, nested_get(n, VMCS_GUEST_CR3) & CR3_ADDRESS,
			      sizeof(entries));
	for (unsigned i = 0; i < PDPTES; i++) {
		entries[i] = table ? table[i] : UINT64_MAX; /* without memory, reads float high */
		if ((entries[i] & PTE_P) && (entries[i] & reserved))
			return false;
	}
	for (unsigned i = 0; i < PDPTES; i++)
		to->write(to->ctx, VMCS_GUEST_PDPTE0 + 2 * i, entries[i]);
	return true;
}
