/* VMX instructions of a guest: it is offered no VMX, so they are undefined (SDM volume 3, 24.7). */
#include "l1vmm/exits/exits.h"
#include "l1vmm/vmx/event.h"

enum exit_action exit_vmx_insn(struct vcpu *v)
{
	return event_ud(v);
}
