/*
 * Exits from a guest's guest: L1's, or the hypervisor's own.
 */
#include "l1vmm/arch/cpu.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/exit_path.h"
#include "l1vmm/vmx/ipi.h"
#include "l1vmm/vmx/nested_fate.h"
#include "l1vmm/vmx/panic.h"
#include "l1vmm/vmx/stop.h"
#include "l1vmm/vmx/tlb.h"
#include "nesting/reflect.h"
#include "nesting/vmfunc.h"

#define CR_NUMBER(qualification)   ((qualification) & 0xf)
#define CR_ACCESS_TYPE(q)	   ((q) >> 4 & 3)
#define CR_REGISTER(qualification) ((enum gpr)((qualification) >> 8 & 0xf))
#define LMSW_SOURCE(qualification) ((qualification) >> 16 & 0xffff)
enum { MOV_TO_CR, MOV_FROM_CR, CLTS, LMSW };

/* TF makes each instruction end in a trap, but with BTF only branches: SDM volume 3, 18.3.1.4. */
static bool single_steps(struct vcpu *v)
{
	return (vmcs_read(v, VMCS_GUEST_RFLAGS) & RFLAGS_TF) &&
	       !(vmcs_read(v, VMCS_GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF);
}

/* The trap waits for the entry, with those that a MOV SS before has put off. */
static __attribute__((noinline)) void trap_behind(struct vcpu *v)
{
	uint64_t pending = vmcs_read(v, VMCS_GUEST_PENDING_DBG_EXCEPTIONS);
	uint64_t blocking = vmcs_read(v, VMCS_GUEST_INTERRUPTIBILITY);

	vmcs_write(v, VMCS_GUEST_PENDING_DBG_EXCEPTIONS, pending | PENDING_DBG_BS);
	vmcs_write(v, VMCS_GUEST_INTERRUPTIBILITY, blocking & BLOCKING_BY_NMI);
}

/* Puts L2 behind an instruction that has been carried out for it. */
static void advance_l2(struct vcpu *v)
{
	advance(v);
	if (unlikely(single_steps(v)))
		trap_behind(v);
}

static enum fate leave(struct vcpu *v)
{
	nested_leave(v);
	return FATE_L1;
}

/*
 * What L1 is sure to read is at hand now; from vmcs02 it would have to be fetched, unless L1 reads
 * that itself.
 */
enum fate nested_reflect(struct vcpu *v)
{
	struct nested *n = &v->nested->vmx;

	if (v->nested->linked)
		return leave(v);
	nested_set(n, VMCS_EXIT_REASON, v->reason);
	nested_set(n, VMCS_GUEST_RIP, v->rip);
	nested_set(n, VMCS_EXIT_INSTRUCTION_LEN, vmcs_read(v, VMCS_EXIT_INSTRUCTION_LEN));
	if (exit_has_qualification((uint16_t)v->reason))
		nested_set(n, VMCS_EXIT_QUALIFICATION, v->detail);
	return leave(v);
}

static uint64_t cr_value(struct vcpu *v)
{
	uint64_t value;

	if (CR_ACCESS_TYPE(v->detail) == LMSW)
		return LMSW_SOURCE(v->detail);
	value = vcpu_register(v, CR_REGISTER(v->detail));
	return value >> 32 && !vcpu_in_64bit_code(v) ? (uint32_t)value : value;
}

static struct nested_exit describe(struct vcpu *v)
{
	struct nested_exit e = {.reason = v->reason, .qualification = v->detail};

	switch (nested_exit_detail(v->reason)) {
	case NESTED_DETAIL_EXCEPTION:
		e.intr_info = (uint32_t)vmcs_read(v, VMCS_EXIT_INTR_INFO);
		e.error_code = (uint32_t)vmcs_read(v, VMCS_EXIT_INTR_ERROR_CODE);
		break;
	case NESTED_DETAIL_MSR:
		e.msr = (uint32_t)v->detail;
		break;
	case NESTED_DETAIL_CR:
		e.cr_value = cr_value(v);
		break;
	case NESTED_DETAIL_FIELD:
		if (vmcs12_secondary(v->nested->vmx.vmcs12) & CONTROL_SECONDARY_VMCS_SHADOWING)
			e.field = vmcs_access_field(v);
		break;
	case NESTED_DETAIL_NONE:
		break;
	}
	return e;
}

/* On shadow tables each exits, and is L2's own, with an error code of its own, or the hypervisor's.
 */
static bool is_page_fault(const struct nested_exit *e)
{
	return e->reason == EXIT_REASON_EXCEPTION_NMI &&
	       (e->intr_info & ~INTR_INFO_IRET_UNDONE) ==
		       (INTR_INFO_VALID | INTR_INFO_ERROR_CODE | INTR_TYPE_EXCEPTION | VECTOR_PF);
}

/* CR0 or CR4 of L2, of which the hypervisor's bits change; the processor keeps its own. */
static enum fate write_owned_cr(struct vcpu *v, enum vmcs_field field, enum vmcs_field shadow,
				uint64_t owned, uint64_t value)
{
	struct vmcs12 *v12 = v->nested->vmx.vmcs12;
	uint64_t kept = vmcs12_get(v12, field) & ~owned;
	uint64_t seen = vmcs_read(v, shadow) & ~owned;

	vmcs12_set(v12, field, kept | (value & owned));
	vmcs_write(v, shadow, seen | (value & owned));
	vmcs_write(v, field, (vmcs_read(v, field) & owned) | (value & ~owned));
	return FATE_ADVANCE;
}

static enum fate cr3_access(struct vcpu *v)
{
	if (CR_ACCESS_TYPE(v->detail) == MOV_FROM_CR)
		vcpu_set_register(v, CR_REGISTER(v->detail), v->nested->paging.cr3);
	else if (!nested_paging_write_cr3(v, cr_value(v)))
		return as_fate(event_gp(v));
	return FATE_ADVANCE;
}

static enum fate cr_access(struct vcpu *v)
{
	const struct nested *n = &v->nested->vmx;

	if (CR_NUMBER(v->detail) == 8)
		return as_fate(exit_cr_access(v));
	if (CR_NUMBER(v->detail) == 3)
		return cr3_access(v);
	/* The bits of CR0 that are the hypervisor's are beyond CLTS and LMSW. */
	if (v->nested->paging_on &&
	    !(CR_NUMBER(v->detail) == 0 ? nested_paging_write_cr0(v, cr_value(v))
					: nested_paging_write_cr4(v, cr_value(v))))
		return as_fate(event_gp(v));
	if (CR_NUMBER(v->detail) == 0)
		return write_owned_cr(v, VMCS_GUEST_CR0, VMCS_CR0_READ_SHADOW, n->cr0_owned,
				      cr_value(v));
	return write_owned_cr(v, VMCS_GUEST_CR4, VMCS_CR4_READ_SHADOW, n->cr4_owned, cr_value(v));
}

static enum fate vmfunc(struct vcpu *v)
{
	struct vcpu_nested *n = v->nested;
	uint64_t eptp;

	if (!nested_vmfunc(&n->vmx, (uint32_t)v->regs[RAX], (uint32_t)v->regs[RCX], &eptp))
		return nested_reflect(v);
	eptp = ept02_use(&n->ept02, eptp);
	nested_vmcs02(n)->base.ept02 = eptp;
	vmcs_write(v, VMCS_EPT_POINTER, eptp);
	return FATE_ADVANCE;
}

/* L2's clock is L1's, and what L1 makes of it. */
static enum fate read_time(struct vcpu *v)
{
	struct guest_tsc l1 = v->tsc;

	v->tsc = nested_tsc(v);
	exit_table[v->reason].handler(v);
	v->tsc = l1;
	return FATE_ADVANCE;
}

static enum fate read_msr(struct vcpu *v)
{
	uint64_t value;

	if (!nested_read_msr(v, (uint32_t)v->detail, &value))
		return as_fate(event_gp(v));
	v->regs[RAX] = (uint32_t)value;
	v->regs[RDX] = value >> 32;
	return FATE_ADVANCE;
}

static enum fate write_msr(struct vcpu *v)
{
	uint64_t value = (uint32_t)v->regs[RAX] | v->regs[RDX] << 32;

	if (!nested_write_msr(v, (uint32_t)v->detail, value))
		return as_fate(event_gp(v));
	return FATE_ADVANCE;
}

/*
 * L2 is halted: as on a processor, what wakes it may be an exit to L1 that finds it so.  Its timer
 * goes on counting in that state, so there the processor waits itself.
 */
static enum fate halt(struct vcpu *v)
{
	const struct vmcs12 *v12 = v->nested->vmx.vmcs12;
	uint64_t blocking = vmcs_read(v, VMCS_GUEST_INTERRUPTIBILITY);
	bool trapped; /* which wakes it at once */

	if (blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS))
		vmcs_write(v, VMCS_GUEST_INTERRUPTIBILITY, blocking & BLOCKING_BY_NMI);
	advance_l2(v);
	trapped = vmcs_read(v, VMCS_GUEST_PENDING_DBG_EXCEPTIONS) & PENDING_DBG_BS;
	if (!trapped)
		nested_halt(v);
	if (nested_monitors(v))
		return nested_leave_by_monitor(v);
	while (!trapped && !nested_wake(v) && !vmcs12_has_timer(v12)) {
		wait_for_event(v, (vmcs12_get(v12, VMCS_PIN_BASED_CONTROLS) &
				   CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING) ||
					  (vmcs_read(v, VMCS_GUEST_RFLAGS) & RFLAGS_IF));
		if (!nested_take_posted(v))
			break;
	}
	return FATE_RETRY;
}

/* Exits that L1 has not asked for.  Handlers that know one level only take no part. */
static enum fate handle_own(struct vcpu *v)
{
	switch (v->reason) {
	case EXIT_REASON_EXCEPTION_NMI:
	case EXIT_REASON_EXTERNAL_INTERRUPT:
	case EXIT_REASON_RDPMC:
	case EXIT_REASON_MWAIT:
	case EXIT_REASON_MONITOR:
	case EXIT_REASON_PAUSE:
	case EXIT_REASON_WBINVD:
		return as_fate(exit_table[v->reason].handler(v));
	case EXIT_REASON_INTERRUPT_WINDOW:
	case EXIT_REASON_NMI_WINDOW:
	case EXIT_REASON_MONITOR_TRAP_FLAG:
		nested_close_windows(v);
		if (v->vm->vcpu_count > 1 && lapic_has_mail(&v->lapic))
			ipi_kicked(v);
		return FATE_RETRY;
	case EXIT_REASON_HLT:
		return halt(v);
	case EXIT_REASON_EPT_VIOLATION:
		return nested_ept_violation(v);
	case EXIT_REASON_VMREAD:
	case EXIT_REASON_VMWRITE:
		return nested_vmcs_access(v);
	case EXIT_REASON_VMFUNC:
		return vmfunc(v);
	case EXIT_REASON_CR_ACCESS:
		return cr_access(v);
	case EXIT_REASON_INVLPG: /* on shadow tables only */
		return as_fate(exit_invlpg(v));
	case EXIT_REASON_RDTSC:
	case EXIT_REASON_RDTSCP:
		return read_time(v);
	case EXIT_REASON_MSR_READ:
		return read_msr(v);
	case EXIT_REASON_MSR_WRITE:
		return write_msr(v);
	case EXIT_REASON_IO_INSTRUCTION:
		return nested_port(v);
	default:
		panic_guest(v, "exit %s of a guest's guest, which no control asks for",
			    exit_table[v->reason].name);
	}
}

/* A page fault that exits has its address there, and not in CR2: SDM volume 3, 28.1. */
static void leave_by_exception(struct vcpu *v, uint32_t info)
{
	uint64_t address = 0;

	if ((info & INTR_INFO_VECTOR_MASK) == VECTOR_PF) {
		address = read_cr2();
		write_cr2(v->nested->cr2);
	}
	nested_leave_with(v, EXIT_REASON_EXCEPTION_NMI, address, info, v->event_error);
}

/* An event that waits for L2: an exception may be an exit that L1 has asked for. */
static enum fate deliver(struct vcpu *v, enum fate fate)
{
	uint32_t info = v->event;

	if (unlikely(v->requests))
		nested_put_off(v);
	v->nested->injected = 0;
	v->nested->injection.status = 0;
	if (!info)
		return fate;
	if ((info & INTR_INFO_TYPE_MASK) == INTR_TYPE_EXCEPTION &&
	    !(vmcs_read(v, VMCS_IDT_VECTORING_INFO) & INTR_INFO_VALID) &&
	    nested_exception_exits(&v->nested->vmx, info & INTR_INFO_VECTOR_MASK, v->event_error)) {
		leave_by_exception(v, info);
		return FATE_L1;
	}
	nested_inject(v);
	return fate;
}

static enum fate dispatch(struct vcpu *v)
{
	struct nested_exit e = describe(v);
	enum fate fate;

	if (unlikely(v->nested->paging_on) && is_page_fault(&e))
		fate = nested_page_fault(v, &e);
	else if (nested_exit_is_l1s(&v->nested->vmx, &e))
		return nested_reflect(v);
	else
		fate = handle_own(v);
	if (fate == FATE_L1)
		return fate;
	if (fate == FATE_ADVANCE &&
	    (nested_monitors(v) || (v->requests & REQUEST_EVENT) || v->nested->stepped_around)) {
		advance_l2(v);
		fate = FATE_RETRY;
		/* To L1 what the hypervisor carries out is an instruction of L2's: 26.5.2. */
		if (nested_monitors(v))
			return nested_leave_by_monitor(v);
	}
	if (fate == FATE_RETRY && nested_interrupted(v))
		return FATE_L1;
	return deliver(v, fate);
}

static __attribute__((noinline)) void failed_entry(struct vcpu *v)
{
	if (!(v->reason & EXIT_REASON_FAILED_ENTRY))
		exit_without_row(v);
	nested_entry_failed(v);
}

/* As handle() of exit.c, for the exits of vmcs02. */
static inline __attribute__((always_inline)) void handle(struct vcpu *v, uint64_t tsc,
							 bool recorded)
{
	uint32_t reason = (uint32_t)vmread(VMCS_EXIT_REASON);
	const struct exit_row *row =
		&exit_table[(uint16_t)reason < EXIT_REASONS ? (uint16_t)reason : 0];
	enum fate fate = FATE_L1;

	v->reason = reason;
	v->rip = vmread(VMCS_GUEST_RIP);
	v->detail = read_detail(v, row);
	if (recorded) {
		record_begin(v, tsc, (uint16_t)reason, v->rip, v->detail);
		v->telemetry.cur->flags |= RECORD_F_NESTED;
	}
	if (unlikely(reason >= EXIT_REASONS))
		failed_entry(v);
	else
		fate = dispatch(v);
	if (fate == FATE_L1 && v->requests)
		serve_requests(v, EXIT_RETRY);
	else if (fate != FATE_L1)
		nested_go_on(v);
	if (fate == FATE_ADVANCE)
		advance_l2(v);
	else
		uncount_advance(v, false);
	if (recorded)
		record_end(v);
}

void nested_handle_exit(struct vcpu *v, uint64_t tsc)
{
	handle(v, tsc, true);
}

void nested_handle_exit_quiet(struct vcpu *v)
{
	handle(v, 0, false);
}
