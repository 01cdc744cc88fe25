/*
 * The VMX of a vCPU that is a guest hypervisor: what it is made of, and what nesting/ reaches
 * through it.
 */
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/boot/memory.h"
#include "l1vmm/exits/guest_access.h"
#include "l1vmm/exits/msr.h"
#include "l1vmm/exits/ports.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/cr.h"
#include "l1vmm/vmx/nested.h"
#include "l1vmm/vmx/stop.h"
#include "l1vmm/vmx/vmx.h"
#include "nesting/entry.h"

/* For each active VMCS: its copy, vmcs02, and merged two I/O bitmaps and one of MSRs. */
#define MERGED_PAGES 3
#define ACTIVE_PAGES (1 + 1 + MERGED_PAGES)

/* For all of them: two bitmaps of VMCS shadowing, and a page for no virtual APIC. */
#define NESTED_PAGES (NESTED_VMCSS * ACTIVE_PAGES + 2 + 1)

static uint64_t state_pages(void)
{
	return (sizeof(struct vcpu_nested) + PAGE_SIZE - 1) / PAGE_SIZE;
}

uint64_t nested_bytes(void)
{
	return (state_pages() + NESTED_PAGES + EPT02_POOL_MOST) * PAGE_SIZE;
}

static const void *l1_memory(void *ctx, uint64_t gpa, uint64_t size)
{
	const struct vcpu *v = ctx;

	return vm_memory(v->vm, gpa, size);
}

static void l1_store(void *ctx, uint64_t gpa, const void *from, uint64_t size)
{
	struct vcpu *v = ctx;
	void *at = vm_memory(v->vm, gpa, size);

	if (!at)
		return;
	memcpy(at, from, size);
	guest_written(v, gpa, size);
}

static bool l1_exchange(void *ctx, uint64_t gpa, uint64_t expected, uint64_t desired)
{
	struct vcpu *v = ctx;
	uint64_t *at = vm_memory(v->vm, gpa, sizeof(*at));

	if (!at || !__atomic_compare_exchange_n(at, &expected, desired, false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
		return false;
	guest_written(v, gpa, sizeof(*at));
	return true;
}

/* The processor tells nobody: what it stores, should it be a table, the next change compares. */
static uint64_t l1_lend(void *ctx, uint64_t gpa, uint64_t size)
{
	struct vcpu *v = ctx;
	const void *at = l1_memory(v, gpa, size);

	if (at && vcpu_is_shadowed(v))
		mmu_unprotect(&v->mmu, gpa);
	if (at)
		vm_written(v->vm, gpa, size);
	return (uint64_t)at;
}

/* What several processors run on is not changed: none of them has to be told. */
static bool l1_watch(void *ctx, uint64_t gpa)
{
	struct vcpu *v = ctx;
	uint64_t written = v->vm->ept.table.writes;
	bool watched;

	if (vcpu_is_shadowed(v))
		return mmu_guard(&v->mmu, gpa);
	if (v->vm->vcpu_count > 1)
		return false;
	watched = ept_watch(&v->vm->ept, gpa);

	v->cost.pte_writes += (uint16_t)(v->vm->ept.table.writes - written);
	return watched;
}

static bool l1_page(void *ctx, uint64_t gpa, uint64_t access, struct ept_page *page)
{
	struct vcpu *v = ctx;
	struct ept *ept = &v->vm->ept;
	uint64_t written = ept->table.writes;
	enum ept_result result = ept_access(ept, gpa, access);

	if (result == EPT_NOT_MEMORY)
		return false;
	if (result == EPT_NO_TABLES)
		vcpu_stop(v, STOP_NO_MEMORY, "gpa=0x%lx what=ept-table", gpa);
	if (result == EPT_DONE && (access & EPT_WRITE))
		vm_written(v->vm, gpa, 1);
	*page = ept_page(ept, gpa);
	v->cost.pte_writes += (uint16_t)(ept->table.writes - written);
	return true;
}

static uint64_t *table_at(void *ctx, uint64_t hpa)
{
	(void)ctx;
	return (uint64_t *)hpa;
}

static uint64_t read_vmcs02(void *ctx, enum vmcs_field field)
{
	struct vcpu *v = ctx;
	uint64_t value;

	if (v->nested->vmcs02_current)
		return vmcs_read(v, field);
	nested_make_current(v, nested_vmcs02(v->nested)->vmcs);
	value = vmcs_read(v, field);
	nested_make_current(v, v->vmcs);
	return value;
}

static void invalidate_ept02(void *ctx, uint64_t eptp02)
{
	struct vcpu *v = ctx;

	v->cost.invalidations++;
	v->cost.vmx_other++;
	invept(v->invalidation.type[INVALIDATE_EPT_CONTEXT], eptp02);
}

void nested_forget_ept02(struct vcpu *v)
{
	ept02_invept_all(&v->nested->ept02);
}

static void l1_invept(void *ctx, uint64_t eptp12)
{
	struct vcpu *v = ctx;

	if (eptp12)
		ept02_invept(&v->nested->ept02, eptp12);
	else
		ept02_invept_all(&v->nested->ept02);
}

static void l1_invvpid(void *ctx, enum invvpid_type type, uint16_t vpid12, uint64_t address)
{
	const struct vcpu *v = ctx;

	vpid12_invalidate(&v->nested->vpids, type, vpid12, address);
}

static void invalidate_vpid02(void *ctx, enum invvpid_type type, uint16_t vpid02, uint64_t address)
{
	static const enum invalidation what[] = {
		[INVVPID_ONE_ADDRESS] = INVALIDATE_VPID_ADDRESS,
		[INVVPID_SINGLE] = INVALIDATE_VPID_CONTEXT,
		[INVVPID_ALL] = INVALIDATE_VPID_CONTEXT,
		[INVVPID_SINGLE_NON_GLOBAL] = INVALIDATE_VPID_NON_GLOBAL,
	};

	nested_flush_vpid(ctx, vpid02, what[type], address);
}

/* What L1 adds to the clock is for what L2 executes, not for its areas: SDM volume 3, 25.6.5. */
static bool read_msr(void *ctx, uint32_t msr, uint64_t *value)
{
	if (msr == MSR_IA32_TIME_STAMP_COUNTER)
		return msr_read(ctx, msr, value);
	return nested_read_msr(ctx, msr, value);
}

static bool write_msr(void *ctx, uint32_t msr, uint64_t value)
{
	return nested_write_msr(ctx, msr, value);
}

/* What the processor has, less what this hypervisor cannot pass on. */
static void read_capabilities(const struct vcpu *v, struct vmx_capabilities *c)
{
	uint64_t *secondary = &c->controls.msr[CONTROL_SECONDARY];

	vmx_capabilities_read(c);
	if (!v->vpid.number)
		*secondary &= ~((uint64_t)CONTROL_SECONDARY_ENABLE_VPID << 32);
	if (!(v->controls.word[CONTROL_PRIMARY] & CONTROL_PRIMARY_USE_MSR_BITMAPS))
		*secondary &= ~((uint64_t)CONTROL_SECONDARY_VIRTUALIZE_X2APIC << 32);
	if (vcpu_is_shadowed(v))
		vmx_capabilities_of_shadow(c);
	c->cr4_fixed1 &= ~(uint64_t)(CR4_SMXE | CR4_LA57 | CR4_PKE | CR4_CET | CR4_PKS);
}

static bool make_vmcs02(struct vcpu *v, struct vcpu_vmcs02 *vmcs02, uint8_t *io_bitmaps,
			uint8_t *msr_bitmap, uint64_t no_apic)
{
	struct vmcs02_base *b = &vmcs02->base;
	uint64_t pages = memory_alloc(MERGED_PAGES);

	vmcs02->vmcs = vmcs_alloc();
	if (!pages || !vmcs02->vmcs || vmclear(vmcs02->vmcs) != VMX_SUCCEED)
		return false;
	b->controls = v->controls;
	b->io_bitmaps = io_bitmaps;
	b->io_bitmaps_hpa = (uint64_t)io_bitmaps;
	b->msr_bitmap = msr_bitmap;
	b->msr_bitmap_hpa = (uint64_t)msr_bitmap;
	b->merged_io = (uint8_t *)pages;
	b->merged_io_hpa = pages;
	b->merged_msr = (uint8_t *)pages + IO_BITMAP_BYTES;
	b->merged_msr_hpa = pages + IO_BITMAP_BYTES;
	b->merged = &vmcs02->merged;
	b->tsc = v->tsc;
	b->ept01 = v->eptp;
	b->no_apic = no_apic;
	b->cr0_fixed = v->nested->plain_cr0_fixed;
	b->cr4_fixed = v->nested->plain_cr4_fixed;
	return true;
}

/* Without VPIDs of L0's, all that L2 runs under is 0. */
static void make_vpids(struct vcpu *v, struct vpid12_map *map)
{
	map->invalidate = invalidate_vpid02;
	map->ctx = v;
	for (unsigned i = 0; v->vpid.number && i < VPID12_SLOTS; i++) {
		struct vpid_owner owner = {0};

		vpid_take(&v->cpu->vpids, &owner);
		map->slot[i].vpid02 = owner.number;
	}
}

bool nested_create(struct vcpu *v, uint8_t *io_bitmaps, uint8_t *msr_bitmap)
{
	const struct nested_ops ops = {
		.memory = l1_memory,
		.store = l1_store,
		.exchange = l1_exchange,
		.vmcs02_read = read_vmcs02,
		.lend = l1_lend,
		.watch = l1_watch,
		.invept = l1_invept,
		.invvpid = l1_invvpid,
		.read_msr = read_msr,
		.write_msr = write_msr,
		.ctx = v,
	};
	const struct ept02_ops ept_ops = {
		.l1 = {.memory = l1_memory, .exchange = l1_exchange, .ctx = v},
		.page = l1_page,
		.table = table_at,
		.invalidate = invalidate_ept02,
		.ctx = v,
	};
	struct vcpu_nested *n = (void *)memory_alloc(state_pages());
	uint64_t copies = memory_alloc(NESTED_VMCSS);
	uint64_t pool = memory_alloc(EPT02_POOL_MOST);
	uint64_t no_apic = memory_alloc(1);
	struct vmx_capabilities hardware;

	if (!n || !copies || !pool || !no_apic)
		return false;
	v->nested = n;
	n->stores = vcpu_is_shadowed(v) ? &v->mmu.guarded_stores : &v->vm->ept.write_grants;
	read_capabilities(v, &hardware);
	nested_init(&n->vmx, &ops, &hardware, (struct vmcs12 *)copies);
	nested_entry_init(&n->vmx, EFER_OFFERED, DEBUGCTL_OFFERED);
	n->vmx.cr0_owned = NESTED_CR0_OWNED;
	n->vmx.cr4_owned = NESTED_CR4_OWNED;
	n->plain_cr0_fixed = hardware.cr0_fixed0 & ~(CR0_PE | CR0_PG);
	n->plain_cr4_fixed = hardware.cr4_fixed0 | (read_cr4() & CR4_MCE);
	n->cr0_fixed = cr0_real(v, 0);
	n->cr4_fixed = cr4_real(v, 0);
	make_vpids(v, &n->vpids);
	ept02_init(&n->ept02, &ept_ops, pool, EPT02_POOL_MOST);
	for (unsigned i = 0; i < NESTED_VMCSS; i++) {
		if (!make_vmcs02(v, &n->vmcs02[i], io_bitmaps, msr_bitmap, no_apic))
			return false;
		n->vmx.active[i].vmcs02 = &n->vmcs02[i];
		n->vmx.active[i].cr0_owned = NESTED_CR0_OWNED;
		n->vmx.active[i].cr4_owned = NESTED_CR4_OWNED;
	}
	n->vmx.vmcs02 = &n->vmcs02[0];
	return true;
}
