#include "tests/unit/mmu_rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/mmu_lawful.h"
#include "tests/unit/mmu_tables.h"

bool rig_is_memory(uint64_t gpa)
{
	return gpa < RIG_SIZE || gpa - RIG_LARGE < RIG_LARGE_SIZE;
}

uint64_t rig_offset(uint64_t gpa)
{
	if (gpa < RIG_SIZE)
		return gpa;
	gpa -= RIG_LARGE;
	return gpa < RIG_LARGE_FRAMES * PAGE_SIZE ? RIG_SIZE + gpa : RIG_BYTES;
}

static bool read_guest(void *ctx, uint64_t gpa, unsigned size, uint64_t *value)
{
	struct rig_memory *memory = ctx;

	cr_assert(gpa % size == 0);
	memory->reads++;
	*value = 0;
	if (rig_offset(gpa) < RIG_BYTES)
		memcpy(value, memory->bytes + rig_offset(gpa), size);
	return rig_is_memory(gpa);
}

static bool exchange_guest(void *ctx, uint64_t gpa, unsigned size, uint64_t expected,
			   uint64_t desired)
{
	struct rig_memory *memory = ctx;
	uint64_t value;

	if (memory->interfere)
		memory->interfere(memory->ctx);
	cr_assert(read_guest(memory, gpa, size, &value));
	if (value != expected)
		return false;
	memcpy(memory->bytes + rig_offset(gpa), &desired, size);
	cr_assert(memory->marks.count < 16);
	memory->marks.mark[memory->marks.count].gpa = gpa;
	memory->marks.mark[memory->marks.count++].value = desired;
	return true;
}

static bool read_entry(void *ctx, uint64_t gpa, unsigned size, uint64_t *value)
{
	struct rig_memory *memory = ctx;

	if (memory->interfere && memory->between_reads)
		memory->interfere(memory->ctx);
	return read_guest(ctx, gpa, size, value);
}

static struct walk_memory walk_memory(struct rig_memory *memory)
{
	return (struct walk_memory){read_entry, exchange_guest, memory};
}

static bool frame(void *ctx, uint64_t gpa, uint64_t *hpa)
{
	(void)ctx;
	cr_assert(gpa % PAGE_SIZE == 0);
	*hpa = rig_host_frame(gpa);
	return rig_is_memory(gpa);
}

static bool large_frame(void *ctx, uint64_t gpa, uint64_t *hpa)
{
	const struct mmu_rig *rig = ctx;

	cr_assert(gpa % RIG_LARGE_SIZE == 0);
	*hpa = rig_host_frame(gpa);
	return gpa == RIG_LARGE && !rig->pieces;
}

static void store(void *ctx, uint64_t *entry, uint64_t value)
{
	struct mmu_rig *rig = ctx;

	cr_assert(*entry != value, "a store that changes nothing");
	*entry = value;
	if (rig->dropped || rig_may_read(rig, entry))
		rig_check_lawful(rig);
	rig->dropped = false;
}

static bool is_done(struct mmu_rig *rig, enum rig_flush kind)
{
	rig->dropped = true;
	rig->flushes[kind]++;
	return !rig->left_out[kind];
}

static void flush_page(void *ctx, uint64_t gva)
{
	struct mmu_rig *rig = ctx;

	if (rig->flushed)
		rig->flushed(rig->flushed_ctx, false, gva);
	if (is_done(rig, RIG_FLUSH_PAGE))
		tlb_invvpid(&rig->tlb, INVVPID_ONE_ADDRESS, RIG_VPID, gva);
}

static void flush_all(void *ctx)
{
	struct mmu_rig *rig = ctx;

	if (rig->flushed)
		rig->flushed(rig->flushed_ctx, true, 0);
	if (is_done(rig, rig->loading ? RIG_FLUSH_LOAD : RIG_FLUSH_TABLE))
		tlb_invvpid(&rig->tlb, INVVPID_SINGLE, RIG_VPID, 0);
}

uint64_t rig_get(const struct mmu_rig *rig, uint64_t gpa, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, rig->memory.bytes + rig_offset(gpa), size);
	return value;
}

void rig_poke(struct mmu_rig *rig, uint64_t gpa, unsigned size, uint64_t value)
{
	if (rig_offset(gpa) == RIG_BYTES)
		return;
	memcpy(rig->memory.bytes + rig_offset(gpa), &value, size);
	memcpy(rig->twin.bytes + rig_offset(gpa), &value, size);
}

void rig_write(struct mmu_rig *rig, uint64_t gpa, unsigned size, uint64_t value)
{
	bool watched = mmu_watches(&rig->mmu, gpa);

	rig_poke(rig, gpa, size, value);
	for (unsigned n = 0; n < RIG_ADDRESSES; n++)
		rig_extend_lawful(rig, n);
	if (watched || rig->mmu.policy == MMU_PV) {
		rig->emulations++;
		mmu_written(&rig->mmu, gpa, size);
	}
	if (gpa >= RIG_SIZE || !rig->guard[gpa / PAGE_SIZE])
		return;
	cr_assert_geq(rig->mmu.guarded_stores, rig->guard[gpa / PAGE_SIZE]);
	rig->guard[gpa / PAGE_SIZE] = 0;
}

void rig_guard(struct mmu_rig *rig, uint64_t gpa)
{
	bool guarded = mmu_guard(&rig->mmu, gpa);

	cr_assert_eq(guarded, rig->mmu.policy != MMU_PV && rig_is_memory(gpa));
	if (guarded && gpa < RIG_SIZE)
		rig->guard[gpa / PAGE_SIZE] = rig->mmu.guarded_stores + 1;
}

static bool only_cr3_differs(const struct paging_state *a, const struct paging_state *b)
{
	return a->maxphyaddr && a->cr0 == b->cr0 && a->cr4 == b->cr4 && a->efer == b->efer;
}

void rig_load(struct mmu_rig *rig)
{
	struct paging_state loaded = rig->state;

	/* Until it is loaded the old one counts. */
	if (rig->mmu.root != UINT32_MAX)
		rig->state = rig->mmu.state;
	rig->loading = true;
	uint64_t root = only_cr3_differs(&rig->mmu.state, &loaded)
				? mmu_load_cr3(&rig->mmu, loaded.cr3, loaded.pdpte)
				: mmu_load(&rig->mmu, &loaded);
	rig->loading = false;
	rig->state = loaded;
	rig->root = root;
	for (unsigned n = 0; n < RIG_ADDRESSES; n++) {
		cache_drop(&rig->lawful[n]);
		/* The check between flush and return knew the old root. */
		if (!rig->left_out[RIG_FLUSH_LOAD])
			cache_drop(rig_cached(rig, n));
	}
}

void rig_flush(struct mmu_rig *rig)
{
	rig->loading = true;
	cr_assert(mmu_load_cr3(&rig->mmu, rig->state.cr3, rig->state.pdpte) == rig->root);
	rig->loading = false;
	for (unsigned n = 0; n < RIG_ADDRESSES; n++)
		cache_drop(&rig->lawful[n]);
}

void rig_invlpg(struct mmu_rig *rig, uint64_t gva)
{
	mmu_invlpg(&rig->mmu, gva);
	for (unsigned n = 0; n < RIG_ADDRESSES; n++)
		cache_invalidate(&rig->lawful[n], rig->address[n], gva);
}

static void write_through(struct mmu_rig *rig, uint64_t gpa, unsigned access, uint64_t value)
{
	if (rig_access_bits(access) & PF_W)
		rig_write(rig, gpa, paging_mode(&rig->state) == PAGING_32BIT ? 4 : 8, value);
}

static void check_marks(struct mmu_rig *rig)
{
	const struct rig_marks *a = &rig->memory.marks, *b = &rig->twin.marks;

	cr_assert(a->count == b->count, "%u marks, not %u", a->count, b->count);
	for (unsigned i = 0; i < a->count; i++)
		cr_assert(a->mark[i].gpa == b->mark[i].gpa && a->mark[i].value == b->mark[i].value);
}

/* The fault that the MMU must make the guest see, or the frame that it must map. */
static void check_fault(struct mmu_rig *rig, unsigned n, unsigned access,
			const struct mmu_result *result, uint64_t *gpa)
{
	static const enum mmu_outcome outcomes[] = {
		[WALK_FAULT] = MMU_GUEST_FAULT,
		[WALK_OUTSIDE_MEMORY] = MMU_UNREACHABLE,
	};
	struct walk_memory memory = walk_memory(&rig->twin);
	struct paging_state state = rig->state;
	struct walk_result walked;

	state.rflags = rig_access_rflags(access);
	enum walk_status status =
		walk(&memory, &state, rig->address[n], rig_access_bits(access), &walked);
	*gpa = walked.gpa;
	check_marks(rig);
	if (status != WALK_OK) {
		cr_assert(result->outcome == outcomes[status], "%#lx: outcome %d for status %d",
			  rig->address[n], result->outcome, status);
		if (status == WALK_FAULT)
			cr_assert(result->error_code == walked.error_code, "%#x, not %#x",
				  result->error_code, walked.error_code);
		else
			cr_assert(result->gpa == walked.gpa);
		return;
	}
	if (!rig_is_memory(walked.gpa))
		cr_assert(result->outcome == MMU_DEVICE);
	else
		cr_assert(result->outcome == MMU_RETRY || result->outcome == MMU_EMULATE ||
				  result->outcome == MMU_EMULATE_ONLY,
			  "%#lx: outcome %d", rig->address[n], result->outcome);
	if (result->outcome != MMU_RETRY)
		cr_assert(result->gpa == walked.gpa);
}

/* Whether the access, by what the guest's tables say now, goes to a table that is shadowed now. */
static bool to_table(struct mmu_rig *rig, unsigned n, unsigned access)
{
	struct walk_memory memory = {.read = read_guest, .ctx = &rig->twin};
	struct paging_state state = rig->state;
	struct walk_result walked;

	state.rflags = rig_access_rflags(access);
	return walk(&memory, &state, rig->address[n], rig_access_bits(access), &walked) ==
		       WALK_OK &&
	       mmu_watches(&rig->mmu, walked.gpa);
}

/* Whether there are supervisor's writes that no mapping can allow. */
static bool has_unmappable(const struct paging_state *state)
{
	return state->cr0 & CR0_PG && state->cr4 & CR4_SMAP && !(state->cr0 & CR0_WP);
}

/*
 * A page fault makes a processor that walks the guest's tables forget all that it has for the
 * address (SDM volume 3, 4.10.4.1).  This one has not had it, but an exit.
 */
static void forget_faulting(struct mmu_rig *rig, unsigned n)
{
	for (unsigned i = 0; i < RIG_ADDRESSES; i++)
		if (!((rig->address[i] ^ rig->address[n]) / PAGE_SIZE))
			cache_drop(&rig->lawful[i]);
}

enum mmu_outcome rig_access(struct mmu_rig *rig, unsigned n, unsigned access, struct random *random,
			    unsigned offset, uint64_t value)
{
	const struct cached_page *page = rig_choose(rig, n, access, random, ~0UL);
	uint64_t gpa;

	if (page) {
		write_through(rig, page->frame + offset, access, value);
		return MMU_RETRY;
	}
	rig->exits++;
	rig->memory.marks.count = rig->twin.marks.count = 0;
	uint32_t present = rig_cached(rig, n)->page_count > 0 ? PF_P : 0;
	bool table = to_table(rig, n, access);
	struct mmu_result result =
		mmu_fault(&rig->mmu, rig->address[n], rig_access_bits(access) | present,
			  rig_access_rflags(access));
	check_fault(rig, n, access, &result, &gpa);
	if (result.outcome == MMU_GUEST_FAULT)
		forget_faulting(rig, n);
	rig_check(rig);
	if (result.outcome == MMU_RETRY) {
		page = rig_choose(rig, n, access, random, gpa & ~0xfffUL);
		rig_expect(rig, page, "%#lx: access %u finds another page", rig->address[n],
			   access);
		rig_check_progress(rig, n, access);
		write_through(rig, page->frame + offset, access, value);
	} else if (result.outcome == MMU_EMULATE || result.outcome == MMU_EMULATE_ONLY) {
		table |= mmu_watches(&rig->mmu, gpa);
		cr_assert(result.outcome == MMU_EMULATE ? table : has_unmappable(&rig->state),
			  "%#lx: emulated without need", gpa);
		write_through(rig, (gpa & ~0xfffUL) + offset, access, value);
	}
	return result.outcome;
}

void rig_start(struct mmu_rig *rig, enum mmu_policy policy, uint32_t pool_pages)
{
	const struct mmu_ops ops = {
		.memory = walk_memory(&rig->memory),
		.frame = frame,
		.large_frame = large_frame,
		.tables = rig->pool,
		.store = store,
		.flush_page = flush_page,
		.flush_all = flush_all,
		.ctx = rig,
	};

	rig->mmu.pool_pages = pool_pages;
	rig->workspace = malloc(mmu_workspace_size(pool_pages));
	cr_assert(rig->workspace);
	cr_assert(mmu_init(&rig->mmu, policy, &ops, RIG_POOL, pool_pages, rig->workspace));
	rig->memory.interfere = NULL;
	memset(rig->guard, 0, sizeof(rig->guard));
	memset(rig->flushes, 0, sizeof(rig->flushes));
	rig->loading = false;
	memcpy(rig->twin.bytes, rig->memory.bytes, RIG_BYTES);
	for (unsigned n = 0; n < RIG_ADDRESSES; n++) {
		/* One line for each, in their order, even where two have the same address. */
		rig->tlb.lines[n] = (struct tlb_line){
			.kind = TLB_LINEAR, .vpid = RIG_VPID, .address = rig->address[n]};
		cache_drop(&rig->lawful[n]);
	}
	rig->tlb.count = RIG_ADDRESSES;
	rig_load(rig);
}

void rig_stop(struct mmu_rig *rig)
{
	cr_assert(memcmp(rig->memory.bytes, rig->twin.bytes, RIG_BYTES) == 0, "marks differ");
	free(rig->workspace);
}
