#include "nesting/vmfunc.h"

#define EPTP_SWITCHING 0
#define EPTP_LIST_SIZE 512

bool nested_vmfunc(struct nested *n, uint32_t function, uint32_t index, uint64_t *eptp)
{
	uint64_t list = vmcs12_get(n->vmcs12, VMCS_EPTP_LIST_ADDRESS);
	const volatile uint64_t *entry;

	if (function != EPTP_SWITCHING || index >= EPTP_LIST_SIZE ||
	    !(vmcs12_get(n->vmcs12, VMCS_VM_FUNCTION_CONTROLS) & VMX_FUNCTION_EPTP_SWITCHING))
		return false;
	entry = n->ops.memory(n->ops.ctx, list + index * sizeof(*entry), sizeof(*entry));
	if (!entry)
		return false;
	*eptp = *entry;
	if (!vmx_ept_pointer_valid(&n->offered, *eptp))
		return false;
	vmcs12_set(n->vmcs12, VMCS_EPT_POINTER, *eptp);
	return true;
}
