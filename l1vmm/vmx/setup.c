#include "l1vmm/vmx/setup.h"

#include "l1vmm/arch/apic.h"
#include "l1vmm/arch/below.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/percpu.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/boot/memory.h"
#include "l1vmm/exits/msr.h"
#include "l1vmm/exits/ports.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/apic.h"
#include "l1vmm/vmx/cr.h"
#include "l1vmm/vmx/exit.h"
#include "l1vmm/vmx/nested.h"
#include "l1vmm/vmx/panic.h"
#include "l1vmm/vmx/shadow.h"
#include "l1vmm/vmx/vmx.h"

/*
 * ple=on, in ticks: executions of PAUSE that are no further apart belong to one loop, and one that
 * lasts so long exits (SDM volume 3, 25.1.3).  The numbers are KVM's.
 */
#define PAUSE_GAP    128
#define PAUSE_WINDOW 4096

#define PAT_AT_RESET UINT64_C(0x0007040600070406) /* SDM volume 3, table 12-12 */

/* What the rows of vmcs_fields.def refer to. */
struct vmcs_setup {
	struct vcpu *vcpu;
	const struct cpu *cpu;
	const struct guest_start *start;
	uint64_t io_bitmaps; /* hpa of two pages */
	uint64_t exit;	     /* where exits arrive */
	uint32_t exceptions; /* that exit */
};

static void set_field(enum vmcs_field field, const char *name, uint64_t value, bool wanted)
{
	if (wanted && vmwrite_checked(field, value) != VMX_SUCCEED)
		panic("VMWRITE of %s (0x%x) failed: %s", name, field,
		      vmx_error_text(vmread(VMCS_INSTRUCTION_ERROR)));
}

static void set_fields(const struct vmcs_setup *s)
{
#define WRITE(value)			       value, true
#define WRITE_IF(is, value)		       value, is
#define KEEP				       0, false
#define HAS(WORD, control)		       (s->vcpu->controls.word[CONTROL_##WORD] & CONTROL_##WORD##_##control)
#define VMCS_FIELD(encoding, NAME, setup, ...) set_field(VMCS_##NAME, #NAME, setup);
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
#undef WRITE
#undef WRITE_IF
#undef KEEP
#undef HAS
}

/* The same for the VMCSs of the guest's guests, whose other fields follow when there are some. */
static bool set_nested_fields(struct vmcs_setup *s)
{
	struct vcpu *v = s->vcpu;
	bool recorded = v->vm->switches.telemetry == SW_TELEMETRY_ON;

	if (!nested_create(v, (uint8_t *)s->io_bitmaps, v->msr_bitmap))
		return false;
	s->exit = (uint64_t)(recorded ? vmx_exit_nested : vmx_exit_nested_quiet);
	for (unsigned i = 0; i < NESTED_VMCSS; i++) {
		vmptrld(v->nested->vmcs02[i].vmcs);
		set_fields(s);
	}
	vmptrld(v->vmcs);
	return v->vm->switches.vmcs != SW_VMCS_SHADOW || nested_shadow_init(v);
}

/* fault=entry and fault=guest-state: a VMCS that fails the checks before and after host state. */
static void spoil(const struct switches *sw)
{
	if (sw->fault == SW_FAULT_ENTRY)
		vmwrite(VMCS_CR3_TARGET_COUNT, UINT32_MAX);
	if (sw->fault == SW_FAULT_GUEST_STATE)
		vmwrite(VMCS_GUEST_ACTIVITY_STATE, UINT32_MAX);
}

static void set_registers(struct vcpu *v, const struct guest_start *start)
{
	v->cost = (struct exit_cost){.vmreads = USUAL_VMREADS, .vmwrites = USUAL_VMWRITES};
	v->regs[RAX] = start->magic;
	v->regs[RBX] = start->start_info; /* the other registers are undefined */
}

static uint64_t exit_path(const struct switches *sw)
{
	bool recorded = sw->telemetry == SW_TELEMETRY_ON;

	if (switches_observed(sw))
		return (uint64_t)vmx_exit_observed;
	if (sw->pv == SW_PV_EXITS)
		return (uint64_t)(recorded ? vmx_exit_told : vmx_exit_told_quiet);
	return (uint64_t)(recorded ? vmx_exit : vmx_exit_quiet);
}

bool vcpu_setup(struct vcpu *v, const struct guest_start *start)
{
	struct vmcs_setup s = {.vcpu = v, .cpu = v->cpu, .start = start};
	const struct switches *sw = &v->vm->switches;

	v->vmcs = vmcs_alloc();
	s.io_bitmaps = memory_alloc(IO_BITMAP_BYTES / PAGE_SIZE);
	v->msr_bitmap = (uint8_t *)memory_alloc(MSR_BITMAP_BYTES / PAGE_SIZE);
	if (!v->vmcs || !s.io_bitmaps || !v->msr_bitmap)
		return false;
	io_bitmap_fill((uint8_t *)s.io_bitmaps);
	msr_bitmap_fill(v->msr_bitmap);
	s.exit = exit_path(sw);
	if (sw->pv == SW_PV_EXITS) {
		v->told = (struct exit_page *)memory_alloc(1);
		if (!v->told || !below_tell_exits(v->told))
			return false;
	}

	s.exceptions = vcpu_is_shadowed(v) || switches_observed(sw) ? 1u << VECTOR_PF : 0;

	v->host_stack = cpu_stack_top(v->cpu->id);
	v->tsc.multiplier = v->vm->tsc_multiplier;
	v->eptp = ept_pointer(&v->vm->ept);
	v->invalidation = invalidation_types(vmx_capability(MSR_IA32_VMX_EPT_VPID_CAP));
	if (sw->tlb == SW_TLB_VPID)
		vpid_take(&v->cpu->vpids, &v->vpid);
	v->maxphyaddr = (uint8_t)cpuid(0x80000008, 0).eax;
	v->pages_1g = cpuid(0x80000001, 0).edx & BIT(26);
	v->cr0_mask = cr0_owned(sw);
	v->cr4_mask = cr4_owned(sw);
	set_registers(v, start);
	if (!apic_init(v))
		return false;

	if (vmclear(v->vmcs) != VMX_SUCCEED || vmptrld(v->vmcs) != VMX_SUCCEED)
		panic("the VMCS at 0x%lx cannot be made current", v->vmcs);
	v->cpu->vcpu = v;
	set_fields(&s);
	if (vcpu_is_shadowed(v)) {
		if (!shadow_init(v))
			return false;
		shadow_reload(v);
	}
	if (sw->nested == SW_NESTED_ON && !set_nested_fields(&s))
		return false;
	spoil(sw);
	return true;
}
