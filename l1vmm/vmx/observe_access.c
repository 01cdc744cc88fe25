/* From a page fault on the view to a page of the model, or to a fault of the guest. */
#include "l1vmm/arch/x86.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/exit_record.h"
#include "l1vmm/vmx/observe.h"
#include "l1vmm/vmx/paging_state.h"
#include "l1vmm/vmx/stop.h"

/* The reason's number in exit_reasons.def. */
#define REASON_EXCEPTION 0

/* Of an error code, what kind of access it was. */
#define FAULT_ACCESS (PF_W | PF_U | PF_I)

/* A guest's tables for walk(), and the entry that was read last: at the end the one that maps. */
struct watched_memory {
	struct walk_memory memory;
	uint64_t entry;
};

static bool read_entry(void *ctx, uint64_t gpa, unsigned size, uint64_t *value)
{
	struct watched_memory *watched = ctx;
	bool ok = watched->memory.read(watched->memory.ctx, gpa, size, value);

	watched->entry = *value;
	return ok;
}

static bool exchange_entry(void *ctx, uint64_t gpa, unsigned size, uint64_t expected,
			   uint64_t desired)
{
	struct watched_memory *watched = ctx;

	return watched->memory.exchange(watched->memory.ctx, gpa, size, expected, desired);
}

/*
 * What the guest's entries grant to this access on a processor with CR0.WP set, as the view is
 * used: nothing to a writer before the page is dirty.  With WP clear a supervisor writes to a
 * user's read-only page; it is made the supervisor's until the user comes back.
 */
static uint64_t grant(struct vcpu *v, const struct paging_state *state, uint64_t rights,
		      uint32_t access, bool dirty)
{
	bool supervisor_write = (access & (PF_W | PF_U)) == PF_W;

	rights &= PTE_RW | PTE_US | PTE_NX;
	if (!(state->cr0 & CR0_WP) && state->cr0 & CR0_PG && !(rights & PTE_RW)) {
		if (supervisor_write && rights & PTE_US) {
			if (state->cr4 & CR4_SMAP)
				vcpu_stop(v, STOP_OBSERVED, "what=smap-without-wp");
			rights &= ~PTE_US;
			rights |= state->cr4 & CR4_SMEP ? PTE_NX : 0;
		}
		rights |= rights & PTE_US ? 0 : PTE_RW;
	}
	return dirty ? rights : rights & ~PTE_RW;
}

/* Maps the page that the EPT does not have yet, so that the access gets as far as it should. */
static void probe(struct vcpu *v, uint64_t gva, uint64_t gpa, uint64_t rights)
{
	struct observe *o = v->observe;

	if (gpa - OBSERVE_VIEW_GPA < (uint64_t)o->tlb.view.count * PAGE_SIZE)
		vcpu_stop(v, STOP_BAD_MEMORY, "gpa=0x%lx linear=0x%lx", gpa, gva);
	tlb_observatory_drop(&o->tlb, gva);
	tlb_view_map(&o->tlb.view, gva, false, tlb_page_start(gpa, false), rights);
	o->probing = true;
	o->probe = gva;
}

/* Whether the processor would find memory behind gpa, and in a page of which size. */
static bool backed(const struct vcpu *v, uint64_t gpa, uint64_t *size)
{
	uint64_t entry;

	return gpa < v->vm->memory.size && page_table_lookup(&v->vm->ept.table, gpa, &entry, size);
}

/* Levels count as in the SDM: 1 maps 4 KB, 2 maps 2 MB or 4 MB, 3 maps 1 GB. */
static unsigned leaf_level(uint64_t page_size)
{
	if (page_size == PAGE_SIZE)
		return 1;
	return page_size <= 2 * PAGE_SIZE_2M ? 2 : 3;
}

static struct tlb_walk guest_walk(enum paging_mode mode, uint64_t page_size, uint64_t host_size)
{
	unsigned leaf = mode == PAGING_NONE ? 0 : leaf_level(page_size);
	unsigned top = mode == PAGING_4LEVEL ? 4 : 2; /* PDPTEs of PAE paging are registers */

	return (struct tlb_walk){
		.levels = (uint8_t)(leaf ? top + 1 - leaf : 0),
		.leaf = (uint8_t)leaf,
		.host_levels = (uint8_t)(5 - leaf_level(host_size)),
	};
}

/*
 * Walks the guest's own tables as the processor would with EPT.  False where that has come to an
 * end otherwise: a fault of the guest, or an EPT violation to come.
 */
static bool walk_guest(struct vcpu *v, uint64_t gva, uint32_t error_code, struct tlb_translation *t)
{
	struct watched_memory watched = {.memory = vcpu_walk_memory(v)};
	const struct walk_memory memory = {read_entry, exchange_entry, &watched};
	struct paging_state *state = &v->observe->state;
	enum paging_mode mode = paging_mode(state);
	uint32_t access = error_code & FAULT_ACCESS;
	struct walk_result result;
	uint64_t host_size, rights;
	bool dirty;

	state->rflags = walk_rflags(error_code, vmread(VMCS_GUEST_RFLAGS));
	switch (walk(&memory, state, gva, access, &result)) {
	case WALK_OK:
		break;
	case WALK_FAULT:
		tlb_observatory_drop(&v->observe->tlb, gva);
		v->observe->flushed |= RECORD_F_FLUSH_PAGE;
		event_pf(v, gva, result.error_code);
		return false;
	case WALK_OUTSIDE_MEMORY:
		vcpu_stop(v, STOP_BAD_MEMORY, "gpa=0x%lx what=page-table linear=0x%lx", result.gpa,
			  gva);
	case WALK_NOT_CANONICAL: /* the processor raises #GP, and no #PF comes here */
	case WALK_CONTENDED:
		return false;
	}
	dirty = access & PF_W || mode == PAGING_NONE || watched.entry & PTE_D;
	rights = grant(v, state, result.rights, access, dirty);
	if (!backed(v, result.gpa, &host_size)) {
		probe(v, gva, result.gpa, rights);
		return false;
	}
	*t = (struct tlb_translation){.rights = rights};
	t->walk = guest_walk(mode, result.page_size, host_size);
	t->page.large = result.page_size >= PAGE_SIZE_2M && host_size >= PAGE_SIZE_2M;
	t->page.gva = tlb_page_start(gva, t->page.large);
	t->page.global = result.rights & PTE_G && state->cr4 & CR4_PGE;
	t->address = tlb_page_start(result.gpa, t->page.large);
	return true;
}

static const uint64_t *table(void *ctx, uint64_t address)
{
	(void)ctx;
	return (const uint64_t *)address;
}

/* Walks the shadow tables as the processor would.  False where it would fault. */
static bool walk_shadow(struct vcpu *v, uint64_t gva, uint32_t error_code,
			struct tlb_translation *t)
{
	uint64_t cr4 = vmread(VMCS_GUEST_CR4);
	const struct tlb_tables tables = {
		.root = v->observe->stack.cr3,
		.levels = v->observe->tlb.view.levels,
		.smep = cr4 & CR4_SMEP,
		.smap = cr4 & CR4_SMAP,
		.ac = walk_rflags(error_code, vmread(VMCS_GUEST_RFLAGS)) & RFLAGS_AC,
		.table = table,
	};

	return tlb_walk_tables(&tables, gva, error_code & FAULT_ACCESS, t);
}

static uint64_t describe(const struct vcpu *v, const struct tlb_translation *t, unsigned references)
{
	uint64_t detail = t->page.gva | (uint64_t)t->walk.leaf << OBSERVED_LEAF |
			  (uint64_t)references << OBSERVED_REFERENCES;

	if (t->page.large)
		detail |= OBSERVED_LARGE;
	if (t->page.global)
		detail |= OBSERVED_GLOBAL;
	if (v->observe->tlb.view.levels == 4)
		detail |= OBSERVED_FOUR_LEVELS;
	if (t->walk.host_levels)
		detail |= (uint64_t)(t->walk.host_levels - 1) << OBSERVED_HOST;
	return detail;
}

static uint64_t sum_of_registers(const struct vcpu *v)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < GPRS; i++)
		sum = sum * 31 + (i == RSP ? 0 : v->regs[i]);
	return sum;
}

/* An instruction may need more pages of a set than the set has ways, and would never end. */
static void check_progress(struct vcpu *v)
{
	struct observe_progress *p = &v->observe->progress;
	uint64_t registers = sum_of_registers(v);

	if (p->rip != v->rip || p->registers != registers)
		*p = (struct observe_progress){.rip = v->rip, .registers = registers};
	if (++p->misses > TLB_ENTRIES_MAX)
		vcpu_stop(v, STOP_OBSERVED, "what=too-few-ways ways=%u",
			  v->observe->tlb.model.parameters.ways);
}

/* observe=trace: shows the page until the instruction is over. */
static void trace_access(struct vcpu *v, const struct tlb_translation *t)
{
	struct exit_record *record = v->telemetry.cur;
	struct observe *o = v->observe;

	record->flags |= RECORD_F_ACCESS | (o->first ? RECORD_F_FIRST : 0);
	record->qualification = describe(v, t, 0);
	o->first = false;
	if (o->touched_count == OBSERVE_TOUCHED)
		vcpu_stop(v, STOP_OBSERVED, "what=too-many-pages");
	o->touched[o->touched_count++] = t->page.gva;
	tlb_observatory_show(&o->tlb, t);
}

static void take_in(struct vcpu *v, const struct tlb_translation *t)
{
	struct exit_record *record = v->telemetry.cur;
	unsigned references;

	if (!tlb_observatory_take(&v->observe->tlb, t, &references))
		return;
	record->flags |= RECORD_F_REFILL;
	record->qualification = describe(v, t, references);
	check_progress(v);
}

bool observe_fault(struct vcpu *v, uint64_t tsc, uint64_t gva, uint32_t error_code)
{
	struct tlb_translation t;
	bool found;

	if (v->observe->tlb.view.levels == 3)
		gva &= UINT32_MAX;
	found = !v->observe->ept && walk_shadow(v, gva, error_code, &t);
	if (!v->observe->ept && !found)
		return false;
	v->reason = REASON_EXCEPTION;
	v->rip = vmread(VMCS_GUEST_RIP);
	v->detail = gva;
	record_begin(v, tsc, REASON_EXCEPTION, v->rip, gva);
	event_requeue(v);
	if (v->observe->ept)
		found = walk_guest(v, gva, error_code, &t);
	if (found && v->observe->trace)
		trace_access(v, &t);
	else if (found)
		take_in(v, &t);
	return true;
}
