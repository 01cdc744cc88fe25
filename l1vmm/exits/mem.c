/* Memory: first touches, and accesses to devices. */
#include "l1vmm/exits/emulate.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/panic.h"
#include "l1vmm/vmx/shadow.h"
#include "l1vmm/vmx/stop.h"

enum exit_action exit_ept_violation(struct vcpu *v)
{
	uint64_t gpa = vmcs_read(v, VMCS_GUEST_PHYSICAL_ADDRESS);
	uint64_t written = v->vm->ept.table.writes;
	enum ept_result result = ept_map(&v->vm->ept, gpa);

	v->cost.pte_writes += (uint16_t)(v->vm->ept.table.writes - written);
	event_requeue(v);
	if (v->detail & EPT_VIOLATION_IRET_UNDONE)
		event_nmi_goes_on(v);
	switch (result) {
	case EPT_MAPPED:
		return EXIT_RETRY;
	case EPT_NOT_MEMORY:
		return emulate_device(v, gpa);
	case EPT_NO_TABLES:
		break;
	}
	vcpu_stop(v, STOP_NO_MEMORY, "gpa=0x%lx what=ept-table", gpa);
}

/* The tables are the hypervisor's own, so a bad entry is its fault. */
enum exit_action exit_ept_misconfig(struct vcpu *v)
{
	uint64_t gpa = vmcs_read(v, VMCS_GUEST_PHYSICAL_ADDRESS);
	uint64_t entry, size;

	page_table_lookup(&v->vm->ept.table, gpa, &entry, &size);
	panic_guest(v, "EPT misconfiguration at gpa 0x%lx, entry 0x%lx", gpa, entry);
}

/* Only a guest on shadow tables has these exits. */
enum exit_action exit_invlpg(struct vcpu *v)
{
	shadow_invlpg(v, v->detail);
	return EXIT_ADVANCE;
}
