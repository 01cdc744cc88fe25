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

/* A translation that the processor would put into its TLB. */
struct translation {
	struct tlb_page page;
	uint64_t address; /* of its first byte: guest-physical with EPT, else the host's */
	uint64_t rights;  /* PTE_RW, PTE_US, PTE_NX */
	unsigned leaf;	  /* level of the entry that maps; 0: none does, without paging */
	unsigned levels;  /* of tables in memory */
	unsigned host_levels;
};

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

	if (gpa - OBSERVE_VIEW_GPA < (uint64_t)o->view.count * PAGE_SIZE)
		vcpu_stop(v, STOP_BAD_MEMORY, "gpa=0x%lx linear=0x%lx", gpa, gva);
	observe_drop(v, gva);
	tlb_view_map(&o->view, gva, false, tlb_page_start(gpa, false), rights);
	o->probing = true;
	o->probe = gva;
}

/* Whether the processor would find memory behind gpa, and in a page of which size. */
static bool backed(const struct vcpu *v, uint64_t gpa, uint64_t *size)
{
	uint64_t entry;

	return gpa < v->vm->memory.size && page_table_lookup(&v->vm->ept.table, gpa, &entry, size);
}

/*
 * Walks the guest's own tables as the processor would with EPT.  False where that has come to an
 * end otherwise: a fault of the guest, or an EPT violation to come.
 */
static bool walk_guest(struct vcpu *v, uint64_t gva, uint32_t access, struct translation *t)
{
	struct watched_memory watched = {.memory = vcpu_walk_memory(v)};
	const struct walk_memory memory = {read_entry, exchange_entry, &watched};
	struct paging_state *state = &v->observe->state;
	enum paging_mode mode = paging_mode(state);
	struct walk_result result;
	uint64_t host_size, rights;
	bool dirty;

	state->rflags = vmread(VMCS_GUEST_RFLAGS);
	switch (walk(&memory, state, gva, access, &result)) {
	case WALK_OK:
		break;
	case WALK_FAULT:
		observe_drop(v, gva);
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
	t->leaf = mode == PAGING_NONE			 ? 0
		  : result.page_size == PAGE_SIZE	 ? 1
		  : result.page_size <= 2 * PAGE_SIZE_2M ? 2
							 : 3;
	t->levels = t->leaf == 0 ? 0 : (mode == PAGING_4LEVEL ? 5 : 3) - t->leaf;
	t->host_levels = host_size == PAGE_SIZE ? 4 : host_size == PAGE_SIZE_2M ? 3 : 2;
	t->page.large = result.page_size >= PAGE_SIZE_2M && host_size >= PAGE_SIZE_2M;
	t->page.gva = tlb_page_start(gva, t->page.large);
	t->page.global = result.rights & PTE_G && state->cr4 & CR4_PGE;
	t->address = tlb_page_start(result.gpa, t->page.large);
	t->rights = rights;
	return true;
}

/* SDM volume 3, 4.6, with CR0.WP set, as shadow tables are used. */
static bool permitted(uint64_t rights, uint32_t access)
{
	uint64_t cr4 = vmread(VMCS_GUEST_CR4);
	bool user = rights & PTE_US;

	if (access & PF_I && rights & PTE_NX)
		return false;
	if (access & PF_W && !(rights & PTE_RW))
		return false;
	if (access & PF_U)
		return user;
	if (access & PF_I)
		return !(user && cr4 & CR4_SMEP);
	return !(user && cr4 & CR4_SMAP) || vmread(VMCS_GUEST_RFLAGS) & RFLAGS_AC;
}

/* Walks the shadow tables as the processor would.  False where it would fault. */
static bool walk_shadow(struct vcpu *v, uint64_t gva, uint32_t access, struct translation *t)
{
	unsigned top = v->observe->view.levels;
	uint64_t table = v->observe->stack.cr3, rights = PTE_RW | PTE_US;

	for (unsigned level = top;; level--) {
		uint64_t entry =
			((const uint64_t *)(table &
					    PTE_ADDR_MASK))[gva >> (PAGE_SHIFT + 9 * (level - 1)) &
							    (PTES_PER_PAGE - 1)];

		if (!(entry & PTE_P))
			return false;
		/* In a PDPTE of PAE paging there are no rights. */
		if (top == 4 || level < top) {
			rights &= entry | PTE_NX;
			rights |= entry & PTE_NX;
		}
		if (level == 1 || (level == 2 && entry & PTE_PS)) {
			t->leaf = level;
			t->page.large = level == 2;
			t->address = tlb_page_start(entry & PTE_ADDR_MASK, t->page.large);
			break;
		}
		table = entry;
	}
	t->page.gva = tlb_page_start(gva, t->page.large);
	t->page.global = false;
	t->rights = rights;
	t->levels = (top == 4 ? 5 : 3) - t->leaf;
	t->host_levels = 0;
	return permitted(rights, access);
}

static uint64_t describe(const struct vcpu *v, const struct translation *t, unsigned references)
{
	uint64_t detail = t->page.gva | (uint64_t)t->leaf << OBSERVED_LEAF |
			  (uint64_t)references << OBSERVED_REFERENCES;

	if (t->page.large)
		detail |= OBSERVED_LARGE;
	if (t->page.global)
		detail |= OBSERVED_GLOBAL;
	if (v->observe->view.levels == 4)
		detail |= OBSERVED_FOUR_LEVELS;
	if (t->host_levels)
		detail |= (uint64_t)(t->host_levels - 1) << OBSERVED_HOST;
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
			  v->observe->model.parameters.ways);
}

/* Puts a translation into the view; the model counts it unless it holds the page. */
static void take_in(struct vcpu *v, const struct translation *t)
{
	const struct tlb_walk how = {t->levels, t->leaf, t->host_levels};
	struct exit_record *record = v->telemetry.cur;
	struct observe *o = v->observe;
	struct tlb_page held;

	if (o->trace) {
		record->flags |= RECORD_F_ACCESS | (o->first ? RECORD_F_FIRST : 0);
		record->qualification = describe(v, t, 0);
		o->first = false;
		if (o->touched_count == OBSERVE_TOUCHED)
			vcpu_stop(v, STOP_OBSERVED, "what=too-many-pages");
		o->touched[o->touched_count++] = t->page.gva;
	} else if (!tlb_model_find(&o->model, t->page.gva, &held) || held.large != t->page.large) {
		check_progress(v);
		if (tlb_model_find(&o->model, t->page.gva, &held))
			observe_drop(v, t->page.gva);
		record->flags |= RECORD_F_REFILL;
		record->qualification =
			describe(v, t, tlb_model_walk(&o->model, t->page.gva, &how));
		tlb_model_insert(&o->model, &t->page);
	}
	o->dirty = true;
	tlb_view_unmap(&o->view, t->page.gva);
	tlb_view_map(&o->view, t->page.gva, t->page.large, t->address, t->rights);
}

bool observe_fault(struct vcpu *v, uint64_t tsc, uint64_t gva, uint32_t error_code)
{
	uint32_t access = error_code & (PF_W | PF_U | PF_I);
	struct translation t;
	bool found;

	if (v->observe->view.levels == 3)
		gva &= UINT32_MAX;
	found = !v->observe->ept && walk_shadow(v, gva, access, &t);
	if (!v->observe->ept && !found)
		return false;
	v->reason = REASON_EXCEPTION;
	v->rip = vmread(VMCS_GUEST_RIP);
	v->detail = gva;
	record_begin(v, tsc, REASON_EXCEPTION, v->rip, gva);
	event_requeue(v);
	if (v->observe->ept)
		found = walk_guest(v, gva, access, &t);
	if (found)
		take_in(v, &t);
	return true;
}
