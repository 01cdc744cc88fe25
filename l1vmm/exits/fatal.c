/* Exits that end a guest, or the run. */
#include "l1vmm/exits/exits.h"
#include "l1vmm/vmx/exit.h"
#include "l1vmm/vmx/panic.h"
#include "l1vmm/vmx/stop.h"

enum exit_action exit_triple_fault(struct vcpu *v)
{
	vcpu_stop(v, STOP_TRIPLE_FAULT, "cr3=0x%lx", vmcs_read(v, VMCS_GUEST_CR3));
}

enum exit_action exit_entry_failure(struct vcpu *v)
{
	panic_guest(v, "VM entry failed late, qualification 0x%lx", v->detail);
}

enum exit_action exit_unexpected(struct vcpu *v)
{
	panic_guest(v, "exit %s, which no control asks for", exit_table[v->reason].name);
}

/* SDM volume 3, 27.8: failures after the host state is checked come as exits with bit 31 set. */
void exit_without_row(struct vcpu *v)
{
	uint32_t basic = v->reason & EXIT_REASON_BASIC_MASK;

	v->rip = vmcs_read(v, VMCS_GUEST_RIP);
	v->detail = vmcs_read(v, VMCS_EXIT_QUALIFICATION);
	if (v->reason & EXIT_REASON_FAILED_ENTRY)
		panic_guest(v, "VM entry failed: %s, qualification 0x%lx",
			    basic < EXIT_REASONS ? exit_table[basic].name : "unknown reason",
			    v->detail);
	panic_guest(v, "unknown exit reason 0x%x", v->reason);
}

void vmx_entry_failed(struct vcpu *v, bool invalid)
{
	uint64_t number;

	if (invalid)
		panic("VM entry failed: no current VMCS");
	number = vmread(VMCS_INSTRUCTION_ERROR);
	panic_guest(v, "VM entry failed: error %lu: %s", number, vmx_error_text(number));
}
