/* The shadow MMU with a guest that forks, and with guests that mean harm. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/mmu_rig.h"

#define ALL    (PTE_P | PTE_RW | PTE_US)
#define KERNEL 0xffff800000000000

/* The guest's frames: four tables of each process, root first, the kernel's two, then pages. */
enum {
	PARENT = 0,
	KERNEL_TABLES = 4,
	CHILD = 6,
	PAGES = 10,
	COPIES = 18,
};

#define PROCESS_PAGES 8
#define DIRTIED	      4 /* of them, by each process after the fork */

/* Entry sizes are 8 bytes; address[] holds the process's pages, then memory as the kernel maps it.
 */
struct workload {
	struct mmu_rig rig;
	struct random random;
	unsigned exits; /* but for page faults */
};

static uint64_t entry_gpa(unsigned frame, unsigned index)
{
	return frame * 4096UL + index * 8UL;
}

/* The kernel writes an entry through its mapping of all memory. */
static void set_entry(struct workload *w, unsigned frame, unsigned index, uint64_t value)
{
	rig_access(&w->rig, PROCESS_PAGES + frame, 1, &w->random, index * 8, value);
	cr_assert(rig_get(&w->rig, entry_gpa(frame, index), 8) == value);
}

static void invlpg(struct workload *w, unsigned page)
{
	rig_invlpg(&w->rig, w->rig.address[page]);
	w->exits += w->rig.mmu.policy != MMU_PV;
}

static void switch_to(struct workload *w, unsigned process)
{
	w->rig.state.cr3 = process * 4096UL;
	rig_load(&w->rig);
	w->exits++;
}

/* A batched hypercall tells of what was written since the one before. */
static void tell(struct workload *w)
{
	w->exits += w->rig.mmu.policy == MMU_PV;
}

static void put_entry(struct workload *w, unsigned frame, unsigned index, uint64_t value)
{
	memcpy(w->rig.memory.bytes + entry_gpa(frame, index), &value, 8);
}

static void set_up(struct workload *w, enum mmu_policy policy)
{
	memset(w, 0, sizeof(*w));
	w->random.state = 5;
	for (unsigned i = 0; i < PROCESS_PAGES; i++)
		w->rig.address[i] = 0x400000UL + i * 4096UL;
	for (unsigned i = 0; i < RIG_FRAMES; i++)
		w->rig.address[PROCESS_PAGES + i] = KERNEL + i * 4096UL;
	put_entry(w, PARENT, 0, (PARENT + 1) * 4096UL | ALL);
	put_entry(w, PARENT, 256, KERNEL_TABLES * 4096UL | PTE_P | PTE_RW);
	put_entry(w, PARENT + 1, 0, (PARENT + 2) * 4096UL | ALL);
	put_entry(w, PARENT + 2, 2, (PARENT + 3) * 4096UL | ALL);
	put_entry(w, KERNEL_TABLES, 0, (KERNEL_TABLES + 1) * 4096UL | PTE_P | PTE_RW);
	put_entry(w, KERNEL_TABLES + 1, 0, PTE_P | PTE_RW | PTE_PS);
	for (unsigned i = 0; i < PROCESS_PAGES; i++)
		put_entry(w, PARENT + 3, i, (PAGES + i) * 4096UL | ALL);
	w->rig.state = (struct paging_state){
		.cr0 = CR0_PE | CR0_PG | CR0_WP,
		.cr4 = CR4_PAE,
		.efer = EFER_LME | EFER_LMA | EFER_NXE,
		.maxphyaddr = 40,
		.pages_1g = true,
	};
	rig_start(&w->rig, policy, RIG_POOL_MAX);
}

static void fork_process(struct workload *w)
{
	for (unsigned i = 0; i < PROCESS_PAGES; i++) {
		uint64_t entry = rig_get(&w->rig, entry_gpa(PARENT + 3, i), 8) & ~PTE_RW;

		set_entry(w, PARENT + 3, i, entry);
		set_entry(w, CHILD + 3, i, entry & ~(PTE_A | PTE_D));
	}
	set_entry(w, CHILD + 2, 2, (CHILD + 3) * 4096UL | ALL);
	set_entry(w, CHILD + 1, 0, (CHILD + 2) * 4096UL | ALL);
	set_entry(w, CHILD, 256, KERNEL_TABLES * 4096UL | PTE_P | PTE_RW);
	set_entry(w, CHILD, 0, (CHILD + 1) * 4096UL | ALL);
	tell(w);
	rig_flush(&w->rig);
	w->exits++;
}

/* Read each page and write some, of which the kernel makes copies, or which it hands over. */
static void run_process(struct workload *w, unsigned process, unsigned copies)
{
	for (unsigned i = 0; i < PROCESS_PAGES; i++) {
		cr_assert(rig_access(&w->rig, i, 3, &w->random, 0, 0) == MMU_RETRY);
		if (i >= DIRTIED)
			continue;
		cr_assert(rig_access(&w->rig, i, 4, &w->random, 8, i) == MMU_GUEST_FAULT);
		set_entry(w, process + 3, i, (copies + i) * 4096UL | ALL | PTE_A | PTE_D);
		tell(w);
		invlpg(w, i);
		cr_assert(rig_access(&w->rig, i, 4, &w->random, 16, i) == MMU_RETRY);
		cr_assert(rig_get(&w->rig, (copies + i) * 4096UL + 16, 8) == i);
	}
}

static void end_child(struct workload *w)
{
	for (unsigned i = 0; i < PROCESS_PAGES; i++)
		set_entry(w, CHILD + 3, i, 0);
	set_entry(w, CHILD + 2, 2, 0);
	set_entry(w, CHILD + 1, 0, 0);
	set_entry(w, CHILD, 0, 0);
	tell(w);
	switch_to(w, PARENT);
	if (w->rig.mmu.policy == MMU_PV)
		mmu_forget(&w->rig.mmu, CHILD * 4096UL);
}

#define FORKS 20

static unsigned fork_exits(enum mmu_policy policy)
{
	static struct workload w;

	set_up(&w, policy);
	for (unsigned i = 0; i < FORKS; i++) {
		fork_process(&w);
		switch_to(&w, CHILD);
		run_process(&w, CHILD, COPIES);
		end_child(&w);
		run_process(&w, PARENT, PAGES);
		rig_check(&w.rig);
	}
	rig_stop(&w.rig);
	return (w.exits + (unsigned)w.rig.exits) / FORKS;
}

Test(mmu, forks_with_fewer_exits_the_less_it_traps)
{
	unsigned trap = fork_exits(MMU_TRAP), unsync = fork_exits(MMU_UNSYNC),
		 pv = fork_exits(MMU_PV);

	cr_log_info("exits of a fork of %u pages: trap %u, unsync %u, pv %u", PROCESS_PAGES, trap,
		    unsync, pv);
	cr_expect(unsync < trap, "unsync %u, trap %u", unsync, trap);
	cr_expect(pv < unsync, "pv %u, unsync %u", pv, unsync);
}

/* One fault maps 2 MB, until the guest has a table there. */
Test(mmu, maps_large_pages_whole_where_no_table_lies_in_them)
{
	static struct workload w;

	for (unsigned pieces = 0; pieces < 2; pieces++) {
		set_up(&w, MMU_TRAP);
		w.rig.pieces = pieces;
		w.rig.address[0] = 0x800000;
		w.rig.address[1] = 0x805000;
		w.rig.address[2] = 0x9ff000;
		w.rig.address[3] = 0xa00000;
		rig_poke(&w.rig, entry_gpa(PARENT + 2, 4), 8, RIG_LARGE | PTE_PS | ALL);
		rig_poke(&w.rig, entry_gpa(PARENT + 2, 5), 8, RIG_LARGE | ALL);
		rig_poke(&w.rig, RIG_LARGE, 8, PAGES * 4096UL | ALL);
		rig_flush(&w.rig);
		w.rig.exits = 0;
		for (unsigned i = 0; i < 3; i++)
			cr_expect(rig_access(&w.rig, i, 1, &w.random, 64, i) == MMU_RETRY);
		cr_expect(w.rig.exits == (pieces ? 3 : 1), "%lu exits", w.rig.exits);
		cr_expect(rig_access(&w.rig, 3, 1, &w.random, 0, 0) == MMU_RETRY);
		w.rig.exits = 0;
		cr_expect(rig_access(&w.rig, 0, 1, &w.random, 64, 0) == MMU_EMULATE);
		for (unsigned i = 1; i < 3; i++)
			cr_expect(rig_access(&w.rig, i, 1, &w.random, 64, i) == MMU_RETRY);
		cr_expect(w.rig.exits == (pieces ? 1 : 3), "%lu exits", w.rig.exits);
		rig_check(&w.rig);
		rig_stop(&w.rig);
	}
}

Test(mmu, faults_for_ever_where_cr3_is_outside_memory)
{
	static struct workload w;

	set_up(&w, MMU_TRAP);
	switch_to(&w, RIG_FRAMES + 7);
	for (unsigned n = 0; n < RIG_ADDRESSES; n++)
		cr_expect(rig_access(&w.rig, n, 0, &w.random, 0, 0) == MMU_UNREACHABLE);
	switch_to(&w, PARENT);
	cr_expect(rig_access(&w.rig, 0, 0, &w.random, 0, 0) == MMU_RETRY);
	rig_stop(&w.rig);
}

/* The root maps itself, at all levels: the guest edits it by the address that it edits. */
Test(mmu, lets_tables_loop_and_edit_themselves)
{
	static struct workload w;

	for (enum mmu_policy policy = MMU_TRAP; policy <= MMU_PV; policy++) {
		set_up(&w, policy);
		set_entry(&w, PARENT, 0, PARENT * 4096UL | ALL);
		rig_flush(&w.rig);
		w.rig.address[0] = 0;
		rig_flush(&w.rig);
		cr_expect(rig_access(&w.rig, 0, 0, &w.random, 0, 0) == MMU_RETRY);
		enum mmu_outcome outcome =
			rig_access(&w.rig, 0, 1, &w.random, 8, (PARENT + 1) * 4096UL | ALL);
		cr_expect(outcome == (policy == MMU_PV ? MMU_RETRY : MMU_EMULATE));
		cr_expect(rig_get(&w.rig, entry_gpa(PARENT, 1), 8) ==
			  ((PARENT + 1) * 4096UL | ALL));
		/* An instruction that nobody can emulate gets through too. */
		mmu_unprotect(&w.rig.mmu, PARENT * 4096UL);
		cr_expect(rig_access(&w.rig, 0, 1, &w.random, 16, 0) == MMU_RETRY);
		rig_check(&w.rig);
		rig_stop(&w.rig);
	}
}

/*
 * A table, or one above it, is linked to a second time while the guest has edited it and not yet
 * invalidated: the new address never had the old translation.
 */
Test(mmu, shows_new_parents_no_old_translations)
{
	static struct workload w;

	for (unsigned frame = PARENT + 1; frame <= PARENT + 2; frame++) {
		unsigned index = frame == PARENT + 1 ? 1 : 3;
		uint64_t alias = frame == PARENT + 1 ? 0x40400000 : 0x600000;

		set_up(&w, MMU_UNSYNC);
		w.rig.address[6] = alias;
		w.rig.address[7] = alias + 4096;
		rig_flush(&w.rig);
		cr_assert(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY);
		cr_assert(rig_access(&w.rig, 1, 3, &w.random, 0, 0) == MMU_RETRY);
		set_entry(&w, PARENT + 3, 1, COPIES * 4096UL | ALL);
		set_entry(&w, frame, index, (frame + 1) * 4096UL | ALL);
		cr_expect(rig_access(&w.rig, 6, 3, &w.random, 0, 0) == MMU_RETRY);
		rig_check(&w.rig);
		rig_stop(&w.rig);
	}
}

/* Frames of dead tables serve as memory: after a few writes they must cost nothing. */
Test(mmu, soon_sees_that_a_table_is_one_no_more)
{
	static struct workload w;

	set_up(&w, MMU_TRAP);
	fork_process(&w);
	switch_to(&w, CHILD);
	run_process(&w, CHILD, COPIES);
	end_child(&w);
	for (unsigned i = 0; i < 8; i++)
		set_entry(&w, CHILD + i % 4, 100 + i / 4, i);
	for (unsigned i = 0; i < 4; i++)
		set_entry(&w, CHILD, 200 + i, i);
	for (unsigned i = 0; i < 4; i++)
		cr_expect(!mmu_watches(&w.rig.mmu, (CHILD + i) * 4096UL), "table %u", i);
	rig_stop(&w.rig);
}

/* Another vCPU edits tables in the middle of a walk, and its writes are reported after it. */
struct rival {
	struct workload w;
	uint64_t gpa[16];
	unsigned count;
};

static void edit_meanwhile(void *ctx)
{
	struct rival *rival = ctx;
	unsigned frame = (unsigned)random_below(&rival->w.random, 4);
	uint64_t gpa = entry_gpa(frame, frame == 2 ? 2 : 0);
	/* Reserved, or another kind of entry. */
	uint64_t odd = random_once_in(&rival->w.random, 4)
			       ? random_once_in(&rival->w.random, 2) ? PTE_PS : BIT(45)
			       : 0;

	if (rival->count == 16 || !random_once_in(&rival->w.random, 2))
		return;
	rig_poke(&rival->w.rig, gpa, 8,
		 random_below(&rival->w.random, RIG_FRAMES) << 12 | ALL | odd |
			 (random_next(&rival->w.random) & (PTE_A | PTE_D | PTE_RW)));
	rival->gpa[rival->count++] = gpa;
}

Test(mmu, stands_edits_from_another_vcpu)
{
	static struct rival rival;
	struct workload *w = &rival.w;

	for (unsigned round = 0; round < 2000; round++) {
		set_up(w, round % 2 ? MMU_TRAP : MMU_UNSYNC);
		w->random.state = round;
		w->rig.memory.interfere = edit_meanwhile;
		w->rig.memory.between_reads = round % 4 < 2;
		w->rig.memory.ctx = &rival;
		for (unsigned i = 0; i < 4; i++) {
			rival.count = 0;
			w->rig.memory.marks.count = 0;
			mmu_fault(&w->rig.mmu, w->rig.address[0], i % 2 ? PF_U | PF_W : PF_U, 0);
			for (unsigned j = 0; j < rival.count; j++)
				mmu_written(&w->rig.mmu, rival.gpa[j], 8);
			rig_check(&w->rig);
		}
		memcpy(w->rig.twin.bytes, w->rig.memory.bytes, RIG_BYTES);
		rig_stop(&w->rig);
	}
}

Test(mmu, reads_only_the_last_entry_once_tables_are_linked)
{
	static struct workload w;

	for (enum mmu_policy policy = MMU_TRAP; policy <= MMU_PV; policy++) {
		set_up(&w, policy);
		cr_assert(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY);
		w.rig.memory.reads = 0;
		cr_assert(rig_access(&w.rig, 1, 3, &w.random, 0, 0) == MMU_RETRY);
		/* The exchange that marks the entry reads it, too. */
		cr_expect(w.rig.memory.reads == 2, "%u reads", w.rig.memory.reads);
		rig_stop(&w.rig);
	}
}

/* Whoever writes such an entry means to use it: no access may fault once more. */
Test(mmu, maps_what_the_guest_has_marked_when_it_invalidates)
{
	static struct workload w;

	for (enum mmu_policy policy = MMU_TRAP; policy <= MMU_PV; policy++) {
		set_up(&w, policy);
		cr_assert(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY);
		set_entry(&w, PARENT + 3, 0, COPIES * 4096UL | ALL | PTE_A | PTE_D);
		invlpg(&w, 0);
		rig_check(&w.rig); /* the processor takes in what it can */
		w.rig.exits = 0;
		cr_expect(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY);
		cr_expect(rig_access(&w.rig, 0, 4, &w.random, 8, 7) == MMU_RETRY);
		cr_expect(w.rig.exits == 0);
		cr_expect(rig_get(&w.rig, COPIES * 4096UL + 8, 8) == 7);

		/* The processor is to set the dirty bit itself. */
		set_entry(&w, PARENT + 3, 0, COPIES * 4096UL | ALL | PTE_A);
		invlpg(&w, 0);
		rig_check(&w.rig); /* the processor takes in what it can */
		w.rig.exits = 0;
		cr_expect(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY);
		cr_expect(w.rig.exits == 0);
		cr_expect(rig_access(&w.rig, 0, 4, &w.random, 8, 8) == MMU_RETRY);
		cr_expect(w.rig.exits == 1);
		cr_expect(rig_get(&w.rig, entry_gpa(PARENT + 3, 0), 8) & PTE_D);
		rig_stop(&w.rig);
	}
}

/* A write makes a page writable at once, and a read does where that marks nothing. */
Test(mmu, faults_once_for_a_page_that_is_written)
{
	static struct workload w;

	set_up(&w, MMU_UNSYNC);
	cr_expect(rig_access(&w.rig, 0, 4, &w.random, 8, 1) == MMU_RETRY);
	cr_expect(rig_access(&w.rig, 0, 4, &w.random, 8, 2) == MMU_RETRY);
	cr_expect(w.rig.exits == 1);
	set_entry(&w, PARENT + 3, 1, (PAGES + 1) * 4096UL | ALL | PTE_A | PTE_D);
	w.rig.exits = 0;
	cr_expect(rig_access(&w.rig, 1, 3, &w.random, 0, 0) == MMU_RETRY);
	cr_expect(rig_access(&w.rig, 1, 4, &w.random, 8, 3) == MMU_RETRY);
	cr_expect(w.rig.exits == 1);
	rig_stop(&w.rig);
}

/* Whichever way the store takes: by a mapping, by an emulated instruction, by another device. */
Test(mmu, counts_the_next_store_to_a_page)
{
	static struct workload w;

	for (enum mmu_policy policy = MMU_TRAP; policy <= MMU_UNSYNC; policy++) {
		set_up(&w, policy);
		cr_assert(rig_access(&w.rig, 0, 4, &w.random, 8, 1) == MMU_RETRY);
		cr_assert(mmu_guard(&w.rig.mmu, PAGES * 4096UL + 8));
		cr_assert(mmu_guard(&w.rig.mmu, PAGES * 4096UL));
		cr_expect(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY);
		cr_expect(rig_access(&w.rig, 1, 4, &w.random, 8, 1) == MMU_RETRY);
		cr_expect_eq(w.rig.mmu.guarded_stores, 0, "it is another page's");
		rig_access(&w.rig, 0, 4, &w.random, 8, 2);
		cr_expect_eq(w.rig.mmu.guarded_stores, 1);
		rig_access(&w.rig, 0, 4, &w.random, 8, 3);
		cr_expect_eq(w.rig.mmu.guarded_stores, 1, "the next one, and no more");
		cr_assert(mmu_guard(&w.rig.mmu, PAGES * 4096UL));
		mmu_written(&w.rig.mmu, PAGES * 4096UL + 100, 2);
		cr_expect_eq(w.rig.mmu.guarded_stores, 2);
		cr_expect_not(mmu_watches(&w.rig.mmu, PAGES * 4096UL));
		cr_expect_not(mmu_guard(&w.rig.mmu, RIG_LARGE - 4096), "no memory");
		rig_check(&w.rig);
		rig_stop(&w.rig);
	}
}

/* An entry that the guest has taken away and not invalidated is gone once it has faulted. */
Test(mmu, serves_nothing_stale_behind_a_page_fault)
{
	static struct workload w;

	for (unsigned open = 0; open < 2; open++) {
		set_up(&w, MMU_UNSYNC);
		cr_assert(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY);
		if (open)
			mmu_unprotect(&w.rig.mmu, (PARENT + 2) * 4096UL);
		set_entry(&w, PARENT + 2 + !open, open ? 2 : 0, 0);
		cr_expect(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY, "not before");
		cr_expect(rig_access(&w.rig, 0, 4, &w.random, 0, 0) == MMU_GUEST_FAULT);
		cr_expect(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_GUEST_FAULT);
		rig_stop(&w.rig);
	}
}

/* In a small pool one table is used in turn with others, which have to go in its stead. */
Test(mmu, reclaims_what_was_used_the_longest_ago)
{
	static struct workload w;

	set_up(&w, MMU_TRAP);
	rig_stop(&w.rig);
	for (unsigned i = 0; i < 4; i++) {
		w.rig.address[i] = 0x400000UL + i * 4096UL;
		w.rig.address[4 + i] = 0x600000UL + i * 0x200000UL;
		put_entry(&w, PARENT + 2, 3 + i, (CHILD + i) * 4096UL | ALL);
		put_entry(&w, CHILD + i, 0, COPIES * 4096UL | ALL);
	}
	rig_start(&w.rig, MMU_TRAP, MMU_POOL_MIN);
	for (unsigned i = 0; i < 4; i++) {
		cr_assert(rig_access(&w.rig, i, 3, &w.random, 0, 0) == MMU_RETRY);
		cr_assert(rig_access(&w.rig, 4 + i, 3, &w.random, 0, 0) == MMU_RETRY);
		cr_expect(mmu_watches(&w.rig.mmu, (PARENT + 3) * 4096UL), "after %u", i);
		cr_expect(mmu_watches(&w.rig.mmu, PARENT * 4096UL), "after %u", i);
	}
	cr_expect(w.rig.mmu.statistics.reclaimed > 0);
	cr_expect(!mmu_watches(&w.rig.mmu, CHILD * 4096UL));
	rig_stop(&w.rig);
}

/*
 * The processor reads a descriptor, or another table of its own, in a user's page: under SMAP
 * RFLAGS.AC does not count, and the guest must see the fault that no mapping can spare it.
 */
Test(mmu, gives_implicit_accesses_their_fault_under_smap)
{
	static struct workload w;

	set_up(&w, MMU_TRAP);
	w.rig.state.cr4 |= CR4_SMAP;
	rig_load(&w.rig);
	cr_assert(rig_access(&w.rig, 0, 6, &w.random, 0, 0) == MMU_RETRY);
	struct mmu_result result = mmu_fault(&w.rig.mmu, w.rig.address[0], PF_P, RFLAGS_AC);
	cr_expect(result.outcome == MMU_GUEST_FAULT);
	cr_expect(result.error_code == PF_P, "%#x", result.error_code);
	/* Not what the guest does itself: a first access, or a write to a page that is clean. */
	cr_expect(mmu_fault(&w.rig.mmu, w.rig.address[1], 0, RFLAGS_AC).outcome == MMU_RETRY);
	result = mmu_fault(&w.rig.mmu, w.rig.address[0], PF_P | PF_W, RFLAGS_AC);
	cr_expect(result.outcome == MMU_RETRY);
	free(w.rig.workspace);
}

Test(mmu, refuses_pools_that_cannot_be)
{
	static struct workload w;
	static char workspace[1];
	struct mmu mmu;
	const struct mmu_ops ops = {0};

	cr_expect(!mmu_init(&mmu, MMU_TRAP, &ops, 0x1000, MMU_POOL_MIN - 1, workspace));
	cr_expect(!mmu_init(&mmu, MMU_TRAP, &ops, 0x1000, MMU_POOL_MAX + 1, workspace));
	cr_expect(!mmu_init(&mmu, MMU_TRAP, &ops, 0x1008, MMU_POOL_MIN, workspace));
	cr_expect(!mmu_init(&mmu, MMU_TRAP, &ops, 0xffff9000, MMU_POOL_MIN, workspace));
	cr_expect(!mmu_init(&mmu, MMU_TRAP, &ops, ~0xfffUL, MMU_POOL_MIN, workspace));
	set_up(&w, MMU_TRAP);
	rig_stop(&w.rig);
}
