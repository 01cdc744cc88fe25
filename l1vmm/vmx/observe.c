#include "l1vmm/vmx/observe.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/boot/memory.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/exit_record.h"
#include "l1vmm/vmx/paging_state.h"

/* A change of one of these empties the TLB: SDM volume 3, 4.10.4.1. */
#define CR0_FLUSHES CR0_PG
#define CR4_FLUSHES (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP)

enum {
#define EXIT(number, NAME, COMPONENT, DETAIL, handler) REASON_##NAME = (number),
#include "l1vmm/vmx/exit_reasons.def"
#undef EXIT
};

/* Without a model one that is as small as can be does. */
static struct tlb_parameters parameters(const struct options *options)
{
	if (options->switches.observe == SW_OBSERVE_TRACE)
		return (struct tlb_parameters){.sets = 1, .ways = TLB_WAYS_MIN};
	return options->tlb;
}

/* One page more than are held: a probe. */
static uint32_t view_tables(const struct options *options)
{
	struct tlb_parameters p = parameters(options);
	uint32_t most = tlb_parameters_entries(&p);

	return tlb_view_tables((most < OBSERVE_TOUCHED ? OBSERVE_TOUCHED : most) + 1);
}

static uint64_t pages(size_t bytes)
{
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

static uint64_t workspace_pages(const struct options *options)
{
	struct tlb_parameters p = parameters(options);

	return pages(sizeof(struct observe)) +
	       pages(tlb_observatory_workspace(&p, view_tables(options)));
}

uint64_t observe_bytes(const struct options *options)
{
	if (!switches_observed(&options->switches))
		return 0;
	return (view_tables(options) + workspace_pages(options)) * PAGE_SIZE;
}

static bool map_view(struct vcpu *v, uint64_t hpa, uint32_t tables)
{
	for (uint32_t i = 0; i < tables; i++) {
		uint64_t offset = (uint64_t)i * PAGE_SIZE;

		if (page_table_map(&v->vm->ept.table, OBSERVE_VIEW_GPA + offset, hpa + offset,
				   PAGE_SIZE, EPT_READ | EPT_WRITE | EPT_WB << 3) != PAGE_TABLE_OK)
			return false;
	}
	return true;
}

bool observe_init(struct vcpu *v, const struct options *options)
{
	const struct tlb_parameters p = parameters(options);
	uint32_t tables = view_tables(options);
	uint64_t view = memory_alloc(tables);
	char *workspace = (char *)memory_alloc(workspace_pages(options));
	struct observe *o = (struct observe *)workspace;

	if (!view || !workspace)
		return false;
	v->observe = o;
	*o = (struct observe){
		.trace = options->switches.observe == SW_OBSERVE_TRACE,
		.ept = !vcpu_is_shadowed(v),
		.flushes = options->switches.tlb == SW_TLB_FLUSH,
		.first = true,
		.state = vcpu_paging_state(v),
	};
	if (o->ept && !map_view(v, view, tables))
		return false;
	tlb_observatory_init(&o->tlb, &p, (uint64_t(*)[TLB_VIEW_ENTRIES])view,
			     o->ept ? OBSERVE_VIEW_GPA : view, tables,
			     workspace + pages(sizeof(*o)) * PAGE_SIZE);
	observe_clock_init(v);
	observe_enter(v);
	return true;
}

/* Forgets what the latest instruction has touched: observe=trace wants to see the next one's. */
static void begin_instruction(struct observe *o)
{
	if (!o->trace)
		return;
	for (uint32_t i = 0; i < o->touched_count; i++)
		tlb_view_unmap(&o->tlb.view, o->touched[i]);
	o->touched_count = 0;
	o->first = true;
	o->tlb.dirty = true;
}

static void flush_all(struct vcpu *v)
{
	tlb_observatory_flush(&v->observe->tlb, true);
	v->observe->flushed |= RECORD_F_FLUSH_ALL;
}

static void flush_local(struct vcpu *v)
{
	tlb_observatory_flush(&v->observe->tlb, false);
	v->observe->flushed |= RECORD_F_FLUSH_LOCAL;
}

static void flush_page(struct vcpu *v, uint64_t gva)
{
	tlb_observatory_drop(&v->observe->tlb, gva);
	v->observe->flushed |= RECORD_F_FLUSH_PAGE;
}

/* INVLPG, with EPT. */
static void serve_invlpg(struct vcpu *v, uint64_t tsc)
{
	uint64_t gva = vmread(VMCS_EXIT_QUALIFICATION);

	v->rip = vmread(VMCS_GUEST_RIP);
	record_begin(v, tsc, REASON_INVLPG, v->rip, gva);
	flush_page(v, gva);
	vmwrite(VMCS_GUEST_RIP, v->rip + vmread(VMCS_EXIT_INSTRUCTION_LEN));
}

/* Whether the observatory served the exit without a handler, which knows nothing of it. */
static bool serve(struct vcpu *v, uint64_t tsc, uint32_t reason)
{
	uint32_t info;

	switch (reason) {
	case REASON_EXCEPTION_NMI:
		info = (uint32_t)vmread(VMCS_EXIT_INTR_INFO);
		return info == (INTR_INFO_VALID | INTR_INFO_ERROR_CODE | INTR_TYPE_EXCEPTION |
				VECTOR_PF) &&
		       observe_fault(v, tsc, vmread(VMCS_EXIT_QUALIFICATION),
				     (uint32_t)vmread(VMCS_EXIT_INTR_ERROR_CODE));
	case REASON_INVLPG:
		if (!v->observe->ept)
			return false;
		serve_invlpg(v, tsc);
		return true;
	default:
		return false;
	}
}

/* Whether the stack would have left the guest for the control register, too. */
static bool stack_owns(struct vcpu *v, uint64_t qualification)
{
	unsigned number = qualification & 0xf, type = qualification >> 4 & 3;
	uint64_t value;

	if (!v->observe->ept || v->vm->switches.cr == SW_CR_TRAP || number == 8)
		return true;
	if (number == 3)
		return false;
	if (type != 0) /* CLTS, LMSW: nothing that the view has taken */
		return true;
	value = (qualification >> 8 & 0xf) == RSP ? vmread(VMCS_GUEST_RSP)
						  : v->regs[qualification >> 8 & 0xf];
	if (number == 0)
		return (value ^ vmread(VMCS_CR0_READ_SHADOW)) & v->cr0_mask;
	return (value ^ vmread(VMCS_CR4_READ_SHADOW)) & v->cr4_mask;
}

static bool is_mov_to_cr3(uint32_t reason, uint64_t qualification)
{
	return reason == REASON_CR_ACCESS && (qualification & 0x3f) == 3;
}

/* Whether the INVVPID that stands for the guest's MOV to CR3 leaves global pages alone. */
static bool retains_globals(const struct vcpu *v)
{
	const uint8_t *type = v->invalidation.type;

	return type[INVALIDATE_VPID_NON_GLOBAL] != type[INVALIDATE_VPID_CONTEXT];
}

/*
 * What an exit of the stack's has done to the TLB.  With tlb=flush, VM entry forgets everything;
 * else INVVPID has been at work.  With EPT it stands for what the guest did to a control register;
 * the shadow MMU knows it for one page, which is the one that the exit is about, and for all.
 */
static void follow_stack(struct vcpu *v, uint32_t reason, uint64_t qualification)
{
	struct observe *o = v->observe;
	bool one = !o->ept && v->mmu.statistics.flushes == o->flushes_before &&
		   (reason == REASON_EXCEPTION_NMI || reason == REASON_INVLPG);

	if (!o->flushes && v->telemetry.cur->invalidations == 0)
		return;
	if (!o->flushes && one)
		flush_page(v, qualification);
	else if (!o->flushes && o->ept && is_mov_to_cr3(reason, qualification) &&
		 retains_globals(v))
		flush_local(v);
	else
		flush_all(v);
}

/* What the guest's own write to a control register does to the TLB: SDM volume 3, 4.10.4.1. */
static void follow_control(struct vcpu *v, uint32_t reason, uint64_t qualification)
{
	const struct observe_state *before = &v->observe->stack;
	uint64_t cr0 = vmread(VMCS_GUEST_CR0) ^ before->cr0;
	uint64_t cr4 = vmread(VMCS_GUEST_CR4) ^ before->cr4;

	if (vmread(VMCS_GUEST_RIP) == v->rip) /* it has faulted */
		return;
	if ((cr0 & CR0_FLUSHES) || (cr4 & CR4_FLUSHES))
		flush_all(v);
	else if (is_mov_to_cr3(reason, qualification))
		flush_local(v);
}

/* Rights in the view depend on these: its entries are made anew, which the model need not know. */
static void follow_rights(struct vcpu *v)
{
	struct observe *o = v->observe;
	const struct observe_state *before = &o->stack;

	if (!o->ept || (!((vmread(VMCS_GUEST_CR0) ^ before->cr0) & CR0_WP) &&
			!((vmread(VMCS_GUEST_CR4) ^ before->cr4) & (CR4_SMEP | CR4_SMAP))))
		return;
	tlb_view_reset(&o->tlb.view, o->tlb.view.levels);
	o->tlb.dirty = true;
}

/* After an exit that has been handled as without the observatory. */
static void follow(struct vcpu *v, uint32_t reason, uint64_t qualification, bool owned)
{
	struct observe *o = v->observe;

	if (o->ept && reason == REASON_CR_ACCESS && (qualification & 0xf) != 8)
		follow_control(v, reason, qualification);
	follow_rights(v);
	if (owned)
		follow_stack(v, reason, qualification);
	else
		v->telemetry.cur->flags |= RECORD_F_OBSERVED;
}

/* The end of an exit that only the observatory has caused: for the guest, no time has passed. */
static uint64_t finish_own(struct vcpu *v, uint64_t tsc, bool recorded)
{
	struct observe *o = v->observe;

	if (v->requests & REQUEST_EVENT)
		event_prepare(v, false);
	if (recorded) {
		v->telemetry.cur->flags |= RECORD_F_OBSERVED | o->flushed;
		record_end(v);
	}
	if (o->flushed)
		begin_instruction(o);
	observe_settle(v);
	return observe_clock_back(v, tsc, recorded, o->flushed ? 1 : 0);
}

/* An exit of the stack's: returns the time at which its handling was over. */
static uint64_t handle_stacks(struct vcpu *v, uint64_t tsc, uint64_t begin, uint32_t reason)
{
	struct observe *o = v->observe;
	bool dry = o->clock.handler == observe_no_exit, owned = true;
	uint64_t qualification = 0, end;

	if (!dry) {
		qualification = vmread(VMCS_EXIT_QUALIFICATION);
		observe_leave(v);
		owned = reason != REASON_CR_ACCESS || stack_owns(v, qualification);
		o->flushes_before = v->mmu.statistics.flushes;
	}
	observe_clock_set(begin);
	o->clock.handler(v, tsc);
	end = rdtsc_ordered();
	if (!dry) {
		follow(v, reason, qualification, owned);
		v->telemetry.cur->flags |= o->flushed;
		begin_instruction(o);
		observe_enter(v);
	}
	o->clock.set = 0;
	return owned ? end - o->clock.stack : observe_clock_back(v, tsc, true, 1);
}

/* Returns what the clock is to be set to. */
static __attribute__((noinline)) uint64_t handle(struct vcpu *v, uint64_t tsc)
{
	uint64_t begin = rdtsc_ordered();
	struct observe *o = v->observe;
	uint32_t reason = (uint32_t)vmread(VMCS_EXIT_REASON);
	uint64_t own;

	if (o->clock.handler == observe_no_exit)
		reason = REASON_UNUSED_35;
	own = observe_clock_begin(v, tsc, reason == REASON_MONITOR_TRAP_FLAG);
	o->flushed = 0;
	if (o->probing)
		tlb_view_unmap(&o->tlb.view, o->probe);
	o->tlb.dirty |= o->probing;
	o->probing = false;
	if (reason == REASON_MONITOR_TRAP_FLAG) {
		begin_instruction(o);
		return finish_own(v, own, false);
	}
	if (serve(v, own, reason))
		return finish_own(v, own, true);
	/* Behind an exit of the observatory's own, the clock has been set for such a stamp. */
	return handle_stacks(v, o->clock.set ? own : tsc, begin, reason);
}

void vmx_handle_exit_observed(struct vcpu *v, uint64_t tsc)
{
	observe_clock_set(handle(v, tsc));
}
