#include "l1vmm/vmx/shadow.h"

#include "l1vmm/arch/x86.h"
#include "l1vmm/boot/memory.h"
#include "l1vmm/exits/emulate.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/paging_state.h"
#include "l1vmm/vmx/stop.h"
#include "l1vmm/vmx/tlb.h"

static uint64_t workspace_pages(void)
{
	return (mmu_workspace_size(SHADOW_POOL_PAGES) + PAGE_SIZE - 1) / PAGE_SIZE;
}

uint64_t shadow_bytes(void)
{
	return (SHADOW_POOL_PAGES + workspace_pages()) * PAGE_SIZE;
}

static bool frame(void *ctx, uint64_t gpa, uint64_t *hpa)
{
	const struct vcpu *v = ctx;
	const void *at = vm_memory(v->vm, gpa, PAGE_SIZE);

	*hpa = (uint64_t)at;
	return at;
}

static bool large_frame(void *ctx, uint64_t gpa, uint64_t *hpa)
{
	const struct vcpu *v = ctx;
	const void *at = vm_memory(v->vm, gpa, PAGE_SIZE_2M);

	*hpa = (uint64_t)at;
	return at && *hpa % PAGE_SIZE_2M == 0;
}

static void flush_page(void *ctx, uint64_t gva)
{
	tlb_flush_guest_page(ctx, gva);
}

static void flush_all(void *ctx)
{
	tlb_flush_guest(ctx);
}

static enum mmu_policy policy(const struct vcpu *v)
{
	switch (v->vm->switches.mmu) {
	case SW_MMU_SHADOW_PV:
		return MMU_PV;
	case SW_MMU_SHADOW_UNSYNC:
		return MMU_UNSYNC;
	default:
		return MMU_TRAP;
	}
}

bool shadow_init(struct vcpu *v)
{
	uint64_t pool = memory_alloc(SHADOW_POOL_PAGES);
	const struct mmu_ops ops = {
		.memory = vcpu_walk_memory(v),
		.frame = frame,
		.large_frame = large_frame,
		.tables = (uint64_t(*)[PTES_PER_PAGE])pool,
		.flush_page = flush_page,
		.flush_all = flush_all,
		.ctx = v,
	};
	uint64_t workspace = memory_alloc(workspace_pages());

	return pool && workspace &&
	       mmu_init(&v->mmu, policy(v), &ops, pool, SHADOW_POOL_PAGES, (void *)workspace);
}

/* Counts the shadow entries written since there were `before` among the costs of the exit. */
static void count_stores(struct vcpu *v, uint64_t before)
{
	v->cost.pte_writes += (uint16_t)(v->mmu.statistics.stores - before);
}

void shadow_use(struct vcpu *v, const struct paging_state *state)
{
	uint64_t before = v->mmu.statistics.stores;

	vmcs_write(v, VMCS_GUEST_CR3, mmu_load(&v->mmu, state));
	count_stores(v, before);
}

void shadow_reload(struct vcpu *v)
{
	struct paging_state state = vcpu_paging_state(v);

	shadow_use(v, &state);
}

void shadow_use_cr3(struct vcpu *v, uint64_t cr3, const uint64_t pdpte[4])
{
	uint64_t before = v->mmu.statistics.stores;

	vmcs_write(v, VMCS_GUEST_CR3, mmu_load_cr3(&v->mmu, cr3, pdpte));
	count_stores(v, before);
}

void shadow_load_cr3(struct vcpu *v)
{
	shadow_use_cr3(v, v->cr3, v->pdpte);
}

void shadow_invlpg(struct vcpu *v, uint64_t gva)
{
	uint64_t before = v->mmu.statistics.stores;

	mmu_invlpg(&v->mmu, gva);
	count_stores(v, before);
}

void shadow_written(struct vcpu *v, uint64_t gpa, uint64_t size)
{
	uint64_t before = v->mmu.statistics.stores;

	if (!vcpu_is_shadowed(v))
		return;
	mmu_written(&v->mmu, gpa, size);
	count_stores(v, before);
}

/*
 * A store that the mapping must not allow.  What cannot be emulated is let through to a guest table
 * until the guest invalidates; so is what the delivery of an event has pushed, for no instruction
 * stored it.  There is no such way where no mapping can allow it.
 */
static enum exit_action emulate_write(struct vcpu *v, const struct mmu_result *result, uint64_t gva)
{
	v->telemetry.cur->flags |= RECORD_F_TABLE;
	if (!v->event && emulate_store(v, result->gpa) != EMULATE_UNSUPPORTED)
		return EXIT_RETRY;
	if (result->outcome == MMU_EMULATE_ONLY)
		vcpu_stop(v, STOP_BAD_STORE, "gpa=0x%lx linear=0x%lx", result->gpa, gva);
	mmu_unprotect(&v->mmu, result->gpa);
	return EXIT_RETRY;
}

struct mmu_result shadow_resolve(struct vcpu *v, uint64_t gva, uint32_t error_code)
{
	uint64_t before = v->mmu.statistics.stores;
	struct mmu_result result =
		mmu_fault(&v->mmu, gva, error_code, vmcs_read(v, VMCS_GUEST_RFLAGS));

	count_stores(v, before);
	return result;
}

enum exit_action shadow_fault(struct vcpu *v, uint64_t gva, uint32_t error_code)
{
	struct mmu_result result = shadow_resolve(v, gva, error_code);

	switch (result.outcome) {
	case MMU_RETRY:
		return EXIT_RETRY;
	case MMU_GUEST_FAULT:
		return event_pf(v, gva, result.error_code);
	case MMU_EMULATE:
	case MMU_EMULATE_ONLY:
		return emulate_write(v, &result, gva);
	case MMU_DEVICE:
		return emulate_device(v, result.gpa);
	case MMU_UNREACHABLE:
		break;
	}
	vcpu_stop(v, STOP_BAD_MEMORY, "gpa=0x%lx what=page-table linear=0x%lx", result.gpa, gva);
}
