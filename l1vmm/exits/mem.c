/* Memory: first touches, and accesses to devices. */
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/exits/emulate.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/ept_misconfig.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/panic.h"
#include "l1vmm/vmx/shadow.h"
#include "l1vmm/vmx/stop.h"
#include "l1vmm/vmx/vmx.h"

/* The qualification's low bits are the rights that the access asked for: SDM volume 3, table 28-7.
 */
enum exit_action exit_ept_violation(struct vcpu *v)
{
	uint64_t gpa = vmcs_read(v, VMCS_GUEST_PHYSICAL_ADDRESS);
	struct ept *ept = &v->vm->ept;
	uint64_t written = ept->table.writes;
	enum ept_result result = ept_access(ept, gpa, v->detail);

	v->cost.pte_writes += (uint16_t)(ept->table.writes - written);
	event_requeue(v);
	if (v->detail & EPT_VIOLATION_IRET_UNDONE)
		event_nmi_goes_on(v);
	if (result == EPT_DONE)
		return EXIT_RETRY;
	if (result == EPT_NOT_MEMORY)
		return emulate_device(v, gpa);
	if (result == EPT_NO_TABLES)
		vcpu_stop(v, STOP_NO_MEMORY, "gpa=0x%lx what=ept-table", gpa);
	vcpu_stop(v, STOP_DENIED, "gpa=0x%lx what=%s", gpa,
		  v->detail & EPT_EXECUTE ? "execute"
		  : v->detail & EPT_WRITE ? "write"
					  : "read");
}

enum exit_action exit_ept_misconfig(struct vcpu *v)
{
	const struct ept_processor processor = {
		.capabilities = vmx_capability(MSR_IA32_VMX_EPT_VPID_CAP),
		.physical_bits = cpuid(0x80000008, 0).eax & 0xff,
	};
	uint64_t gpa = vmcs_read(v, VMCS_GUEST_PHYSICAL_ADDRESS);
	struct ept_fault fault = ept_find_misconfiguration(&v->vm->ept, gpa, &processor);

	panic_guest(v, "EPT misconfiguration at gpa 0x%lx: entry 0x%lx of level %u %s", gpa,
		    fault.entry, fault.level, fault.why ? fault.why : "is in order by now");
}

/* Only a guest on shadow tables has these exits. */
enum exit_action exit_invlpg(struct vcpu *v)
{
	shadow_invlpg(v, v->detail);
	return EXIT_ADVANCE;
}
