/* Exits that end a guest, or the run. */
#include "l1vmm/exits/exits.h"
#include "l1vmm/vmx/exit.h"
#include "l1vmm/vmx/nested.h"
#include "l1vmm/vmx/panic.h"
#include "l1vmm/vmx/stop.h"

enum exit_action exit_triple_fault(struct vcpu *v)
{
	vcpu_stop(v, STOP_TRIPLE_FAULT, "cr3=0x%lx", vmcs_read(v, VMCS_GUEST_CR3));
}

/* Exits whatever the controls say: SDM volume 3, 26.1.2. */
enum exit_action exit_task_switch(struct vcpu *v)
{
	vcpu_stop(v, STOP_TASK_SWITCH, "cr3=0x%lx", vmcs_read(v, VMCS_GUEST_CR3));
}

enum exit_action exit_unexpected(struct vcpu *v)
{
	panic_guest(v, "exit %s, which no control asks for", exit_table[v->reason].name);
}

static const char *reason_name(uint32_t basic)
{
	return basic < EXIT_REASONS ? exit_table[basic].name : "unknown reason";
}

/*
 * Failures after the host state is checked come as exits with bit 31 set (SDM volume 3, 27.8).  The
 * state that the hypervisor made is in order; what is refused after that, the guest has done.
 */
static _Noreturn void entry_failed_late(struct vcpu *v, bool has_run)
{
	uint32_t basic = v->reason & EXIT_REASON_BASIC_MASK;

	if (has_run && basic == EXIT_REASON_INVALID_GUEST_STATE) {
		dump_guest(v);
		vcpu_stop(v, STOP_BAD_STATE, "qualification=0x%lx", v->detail);
	}
	panic_guest(v, "VM entry failed: %s, qualification 0x%lx", reason_name(basic), v->detail);
}

void exit_without_row(struct vcpu *v)
{
	bool has_run = v->rip;

	v->rip = vmcs_read(v, VMCS_GUEST_RIP);
	v->detail = vmcs_read(v, VMCS_EXIT_QUALIFICATION);
	if (v->reason & EXIT_REASON_FAILED_ENTRY)
		entry_failed_late(v, has_run);
	panic_guest(v, "unknown exit reason 0x%x", v->reason);
}

void vmx_entry_failed(struct vcpu *v, bool invalid)
{
	uint64_t number;

	if (!invalid && v->nested && v->nested->vmx.in_l2)
		nested_entry_refused(v);
	if (invalid)
		panic("VM entry failed: no current VMCS");
	number = vmread(VMCS_INSTRUCTION_ERROR);
	panic_guest(v, "VM entry failed: error %lu: %s", number, vmx_error_text(number));
}
