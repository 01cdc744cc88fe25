/*
 * The observatory against the simulation that was written apart from it: over random pages, and
 * over the shadow tables of random guests, whose processor keeps all that it may.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "bench/tlb_sim.h"
#include "l1vmm/arch/x86.h"
#include "shadow/tlb_observatory.h"
#include "tests/unit/mmu_guest.h"
#include "tests/unit/mmu_tables.h"

#define VIEW_BASE 0xd0000000UL

struct rig_tlb {
	struct tlb_observatory tlb;
	struct tlb_sim *sim;
	uint64_t (*tables)[TLB_VIEW_ENTRIES];
	void *workspace;
	uint64_t refills, references, steps;
};

static void start(struct rig_tlb *rig, const struct tlb_parameters *parameters)
{
	uint32_t count = tlb_view_tables(tlb_parameters_entries(parameters) + 1);

	cr_assert(tlb_parameters_valid(parameters));
	*rig = (struct rig_tlb){
		.sim = tlb_sim_create(parameters),
		.tables = calloc(count, sizeof(*rig->tables)),
		.workspace = malloc(tlb_observatory_workspace(parameters, count)),
	};
	cr_assert(rig->sim && rig->tables && rig->workspace);
	tlb_observatory_init(&rig->tlb, parameters, rig->tables, VIEW_BASE, count, rig->workspace);
}

static void stop(struct rig_tlb *rig)
{
	tlb_sim_free(rig->sim);
	free(rig->tables);
	free(rig->workspace);
}

/* The record that observe=trace leaves of an access. */
static struct exit_record access_record(const struct tlb_translation *t, bool first,
					bool four_levels)
{
	return (struct exit_record){
		.flags = RECORD_F_OBSERVED | RECORD_F_ACCESS | (first ? RECORD_F_FIRST : 0),
		.qualification = t->page.gva | (t->page.large ? OBSERVED_LARGE : 0) |
				 (t->page.global ? OBSERVED_GLOBAL : 0) |
				 (four_levels ? OBSERVED_FOUR_LEVELS : 0) |
				 (uint64_t)t->walk.leaf << OBSERVED_LEAF |
				 (uint64_t)(t->walk.host_levels ? t->walk.host_levels - 1 : 0)
					 << OBSERVED_HOST,
	};
}

static void feed(struct rig_tlb *rig, const struct exit_record *record)
{
	struct tlb_sim_result result = tlb_sim_feed(rig->sim, record);

	cr_assert_eq(result.refills, rig->refills, "step %lu: %lu refills, not %lu", rig->steps,
		     rig->refills, result.refills);
	cr_assert_eq(result.references, rig->references, "step %lu: %lu references, not %lu",
		     rig->steps, rig->references, result.references);
	rig->refills = rig->references = 0;
}

/* An access that the view may serve, or that faults and is repeated. */
static void touch(struct rig_tlb *rig, const struct tlb_translation *t)
{
	unsigned references;

	if (tlb_view_find(&rig->tlb.view, t->page.gva))
		return;
	if (tlb_observatory_take(&rig->tlb, t, &references)) {
		rig->refills++;
		rig->references += references;
	}
	cr_assert(tlb_view_find(&rig->tlb.view, t->page.gva));
}

static struct tlb_translation random_page(struct random *random, bool four_levels)
{
	struct tlb_translation t = {.rights = PTE_RW};
	uint64_t page = random_below(random, 24);
	unsigned leaf = 1 + (page % 3 == 0);

	/* A page has one size and is global or not, however often it is touched. */
	t.page.large = leaf == 2 && page % 2;
	t.page.gva = page * 0x40201000 & 0xffffffff;
	t.page.gva = tlb_page_start(t.page.gva, t.page.large);
	t.page.global = page % 5 == 0;
	t.walk.leaf = (uint8_t)leaf;
	t.walk.levels = (uint8_t)((four_levels ? 5 : 3) - leaf);
	t.walk.host_levels = (uint8_t)(page % 4 ? 1 + page % 4 : 0);
	return t;
}

/* An instruction of up to four pages, from the first again whenever it has faulted. */
static void execute(struct rig_tlb *rig, struct random *random, bool four_levels)
{
	struct tlb_translation pages[4];
	unsigned count = 1 + (unsigned)random_below(random, 4), done = 0;

	for (unsigned i = 0; i < count; i++) {
		struct exit_record record;

		pages[i] = random_page(random, four_levels);
		for (done = 0; done <= i; done++) {
			if (tlb_view_find(&rig->tlb.view, pages[done].page.gva))
				continue;
			touch(rig, &pages[done]);
			done = UINT32_MAX;
		}
		record = access_record(&pages[i], i == 0, four_levels);
		feed(rig, &record);
	}
}

static void invalidate(struct rig_tlb *rig, struct random *random)
{
	struct tlb_translation t = random_page(random, true);
	struct exit_record record = {.qualification = t.page.gva + random_below(random, 4096)};

	switch (random_below(random, 4)) {
	case 0:
		tlb_observatory_flush(&rig->tlb, true);
		record.flags = RECORD_F_FLUSH_ALL;
		break;
	case 1:
		tlb_observatory_flush(&rig->tlb, false);
		record.flags = RECORD_F_FLUSH_LOCAL;
		break;
	default:
		tlb_observatory_drop(&rig->tlb, record.qualification);
		record.flags = RECORD_F_FLUSH_PAGE;
		break;
	}
	feed(rig, &record);
}

static void check_random(const struct tlb_parameters *parameters, unsigned steps)
{
	struct random random = {.state = parameters->sets};
	struct rig_tlb rig;

	start(&rig, parameters);
	for (rig.steps = 0; rig.steps < steps; rig.steps++) {
		if (random_once_in(&random, 12))
			invalidate(&rig, &random);
		else
			execute(&rig, &random, rig.steps / 1000 % 2);
	}
	stop(&rig);
}

Test(tlb_random, the_simulation_counts_what_the_observatory_counts)
{
	static const struct tlb_parameters rows[] = {
		{.sets = 1, .ways = 4},
		{.sets = 2, .ways = 4, .pde = 2, .pdpte = 1, .pml4e = 1},
		{.sets = 3, .ways = 5, .large_sets = 1, .large_ways = 4, .pde = 3},
		{.sets = 4, .ways = 4, .large_sets = 2, .large_ways = 4, .pdpte = 2, .pml4e = 3},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_random(&rows[i], 100000);
}

static const uint64_t *shadow_table(void *ctx, uint64_t address)
{
	struct mmu_rig *guest = ctx;

	cr_assert(address >= RIG_POOL && (address - RIG_POOL) / PAGE_SIZE < RIG_POOL_MAX);
	return guest->pool[(address - RIG_POOL) / PAGE_SIZE];
}

static bool shadow_walk(struct mmu_rig *guest, unsigned n, unsigned access,
			struct tlb_translation *t)
{
	bool paging = guest->state.cr0 & CR0_PG;
	const struct tlb_tables tables = {
		.root = guest->root,
		.levels = paging_mode(&guest->state) == PAGING_4LEVEL ? 4 : 3,
		.smep = paging && guest->state.cr4 & CR4_SMEP,
		.smap = paging && guest->state.cr4 & CR4_SMAP,
		.ac = access >= 6,
		.table = shadow_table,
		.ctx = guest,
	};

	return tlb_walk_tables(&tables, guest->address[n], rig_access_bits(access), t);
}

/* What the view serves, the adversarial processor must have cached, too. */
static void check_view(struct rig_tlb *rig, const struct mmu_rig *guest, unsigned n)
{
	uint64_t entry = tlb_view_find(&rig->tlb.view, guest->address[n]);
	const struct mmu_cache *cached = &guest->tlb.lines[n].cache;
	uint64_t address = entry & PTE_ADDR_MASK;
	bool found = !entry;

	if (entry & PTE_PS)
		address += guest->address[n] & 0x1ff000;

	for (unsigned i = 0; i < cached->page_count && !found; i++)
		found = rig_host_frame(cached->pages[i].frame) == address &&
			!((entry ^ cached->pages[i].rights) & (PTE_RW | PTE_US | PTE_NX));
	cr_assert(found, "step %lu: the view maps %#lx by %#lx", rig->steps, guest->address[n],
		  entry);
}

/* The shadow MMU has invalidated: with VPID nothing else does. */
static void flushed(void *ctx, bool all, uint64_t gva)
{
	struct exit_record record = {.qualification = gva,
				     .flags = all ? RECORD_F_FLUSH_ALL : RECORD_F_FLUSH_PAGE};
	struct rig_tlb *rig = ctx;

	if (all)
		tlb_observatory_flush(&rig->tlb, true);
	else
		tlb_observatory_drop(&rig->tlb, gva);
	feed(rig, &record);
}

/* An exit of the stack's is over.  Without VPID the entry flushes. */
static void enter(struct rig_tlb *rig, struct mmu_rig *guest, bool vpid)
{
	unsigned levels = paging_mode(&guest->state) == PAGING_4LEVEL ? 4 : 3;

	if (!vpid || levels != rig->tlb.view.levels)
		flushed(rig, true, 0);
	if (levels != rig->tlb.view.levels)
		tlb_view_reset(&rig->tlb.view, levels);
	rig_check(guest);
}

static void access_page(struct rig_tlb *rig, struct mmu_rig *guest, struct random *random,
			bool vpid)
{
	unsigned n = (unsigned)random_below(random, RIG_ADDRESSES);
	unsigned access = (unsigned)random_below(random, RIG_ACCESSES);
	struct tlb_translation t;
	unsigned references;

	if (!shadow_walk(guest, n, access, &t)) {
		rig_access(guest, n, access, random, (unsigned)random_below(random, 512) * 8,
			   random_entry(random));
		enter(rig, guest, vpid);
		return;
	}
	uint64_t entry = tlb_view_find(&rig->tlb.view, guest->address[n]);
	if (!entry || (entry & PTE_ADDR_MASK) != t.address ||
	    (entry & (PTE_RW | PTE_US | PTE_NX)) != t.rights) {
		if (tlb_observatory_take(&rig->tlb, &t, &references)) {
			rig->refills++;
			rig->references += references;
		}
	}
	const struct exit_record record = access_record(&t, true, rig->tlb.view.levels == 4);
	feed(rig, &record);
}

static void change(struct rig_tlb *rig, struct mmu_rig *guest, struct random *random, bool vpid)
{
	uint64_t dice = random_below(random, 100);
	struct guest_edit edit;

	if (dice < 60) {
		edit = random_edit(random, guest);
		rig_write(guest, edit.gpa, edit.size, edit.entry);
	} else if (dice < 90) {
		rig_invlpg(guest, guest->address[random_below(random, RIG_ADDRESSES)]);
	} else if (dice < 95) {
		mmu_unprotect(&guest->mmu, random_frame(random));
	} else {
		if (random_once_in(random, 2))
			random_controls(random, &guest->state);
		else
			random_root(random, &guest->state);
		rig_load(guest);
	}
	enter(rig, guest, vpid);
}

#define GUEST_STEPS   135000 /* of each mode, with VPID and without */
#define STEPS_A_GUEST 1000
#define CHECK_EVERY   16

static void run_guests(enum paging_mode mode, bool vpid)
{
	static const struct tlb_parameters parameters = {.sets = 2, .ways = 4, .pde = 2};
	static struct mmu_rig guest;
	struct random random = {.state = 40 + mode * 2 + vpid};
	struct rig_tlb rig;

	start(&rig, &parameters);
	for (rig.steps = 0; rig.steps < GUEST_STEPS; rig.steps++) {
		if (rig.steps % STEPS_A_GUEST == 0) {
			if (rig.steps > 0)
				rig_stop(&guest);
			guest.flushed = NULL;
			random_guest(&random, &guest, mode);
			rig_start(&guest, MMU_UNSYNC, RIG_POOL_MAX);
			guest.flushed = flushed;
			guest.flushed_ctx = &rig;
			flushed(&rig, true, 0);
			enter(&rig, &guest, vpid);
		}
		if (random_once_in(&random, 6))
			change(&rig, &guest, &random, vpid);
		else
			access_page(&rig, &guest, &random, vpid);
		if (rig_crowded(&guest)) {
			rig_flush(&guest);
			enter(&rig, &guest, vpid);
		}
		if (rig.steps % CHECK_EVERY)
			continue;
		rig_check(&guest);
		for (unsigned n = 0; n < RIG_ADDRESSES; n++)
			check_view(&rig, &guest, n);
	}
	rig_stop(&guest);
	stop(&rig);
}

#define AGREES(mode)                                                 \
	Test(tlb_random, over_the_shadow_tables_of_guests_in_##mode) \
	{                                                            \
		run_guests(PAGING_##mode, false);                    \
		run_guests(PAGING_##mode, true);                     \
	}
AGREES(NONE)
AGREES(32BIT)
AGREES(PAE)
AGREES(4LEVEL)
