#include "nesting/pdpte.h"

#include "l1vmm/arch/x86.h"
#include "nesting/vmcs02.h"

static bool are_loaded(struct nested *n)
{
	uint64_t entry = vmcs12_get(n->vmcs12, VMCS_ENTRY_CONTROLS);

	return !vmcs12_uses_ept(n->vmcs12) && !(entry & CONTROL_ENTRY_IA32E_MODE_GUEST) &&
	       (nested_get(n, VMCS_GUEST_CR0) & CR0_PG) &&
	       (nested_get(n, VMCS_GUEST_CR4) & CR4_PAE);
}

void nested_load_pdptes(struct nested *n, const struct vmcs_ops *to)
{
	if (!are_loaded(n))
		return;
	for (unsigned i = 0; i < ENTRY_PDPTES; i++)
		to->write(to->ctx, VMCS_GUEST_PDPTE0 + 2 * i, n->pdptes[i]);
}
