/* The shadow MMU with a guest that forks: what that costs it, and what it finds in its memory. */
#include <criterion/criterion.h>

#include "tests/unit/mmu_workload.h"

#define FORKS 20

static unsigned fork_exits(enum mmu_policy policy)
{
	static struct workload w;

	workload_start(&w, policy);
	for (unsigned i = 0; i < FORKS; i++) {
		workload_fork(&w);
		workload_switch(&w, CHILD);
		workload_run(&w, CHILD, COPIES);
		workload_end_child(&w);
		workload_run(&w, PARENT, PAGES);
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
		workload_start(&w, MMU_TRAP);
		w.rig.pieces = pieces;
		w.rig.address[0] = 0x800000;
		w.rig.address[1] = 0x805000;
		w.rig.address[2] = 0x9ff000;
		w.rig.address[3] = 0xa00000;
		rig_poke(&w.rig, workload_entry(PARENT + 2, 4), 8, RIG_LARGE | PTE_PS | ALL);
		rig_poke(&w.rig, workload_entry(PARENT + 2, 5), 8, RIG_LARGE | ALL);
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

/* Frames of dead tables serve as memory: after a few writes they must cost nothing. */
Test(mmu, soon_sees_that_a_table_is_one_no_more)
{
	static struct workload w;

	workload_start(&w, MMU_TRAP);
	workload_fork(&w);
	workload_switch(&w, CHILD);
	workload_run(&w, CHILD, COPIES);
	workload_end_child(&w);
	for (unsigned i = 0; i < 8; i++)
		workload_set_entry(&w, CHILD + i % 4, 100 + i / 4, i);
	for (unsigned i = 0; i < 4; i++)
		workload_set_entry(&w, CHILD, 200 + i, i);
	for (unsigned i = 0; i < 4; i++)
		cr_expect(!mmu_watches(&w.rig.mmu, (CHILD + i) * 4096UL), "table %u", i);
	rig_stop(&w.rig);
}

Test(mmu, reads_only_the_last_entry_once_tables_are_linked)
{
	static struct workload w;

	for (enum mmu_policy policy = MMU_TRAP; policy <= MMU_PV; policy++) {
		workload_start(&w, policy);
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
		workload_start(&w, policy);
		cr_assert(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY);
		workload_set_entry(&w, PARENT + 3, 0, COPIES * 4096UL | ALL | PTE_A | PTE_D);
		workload_invlpg(&w, 0);
		rig_check(&w.rig); /* the processor takes in what it can */
		w.rig.exits = 0;
		cr_expect(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY);
		cr_expect(rig_access(&w.rig, 0, 4, &w.random, 8, 7) == MMU_RETRY);
		cr_expect(w.rig.exits == 0);
		cr_expect(rig_get(&w.rig, COPIES * 4096UL + 8, 8) == 7);

		/* The processor is to set the dirty bit itself. */
		workload_set_entry(&w, PARENT + 3, 0, COPIES * 4096UL | ALL | PTE_A);
		workload_invlpg(&w, 0);
		rig_check(&w.rig); /* the processor takes in what it can */
		w.rig.exits = 0;
		cr_expect(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY);
		cr_expect(w.rig.exits == 0);
		cr_expect(rig_access(&w.rig, 0, 4, &w.random, 8, 8) == MMU_RETRY);
		cr_expect(w.rig.exits == 1);
		cr_expect(rig_get(&w.rig, workload_entry(PARENT + 3, 0), 8) & PTE_D);
		rig_stop(&w.rig);
	}
}

/* A write makes a page writable at once, and a read does where that marks nothing. */
Test(mmu, faults_once_for_a_page_that_is_written)
{
	static struct workload w;

	workload_start(&w, MMU_UNSYNC);
	cr_expect(rig_access(&w.rig, 0, 4, &w.random, 8, 1) == MMU_RETRY);
	cr_expect(rig_access(&w.rig, 0, 4, &w.random, 8, 2) == MMU_RETRY);
	cr_expect(w.rig.exits == 1);
	workload_set_entry(&w, PARENT + 3, 1, (PAGES + 1) * 4096UL | ALL | PTE_A | PTE_D);
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
		workload_start(&w, policy);
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

/* In a small pool one table is used in turn with others, which have to go in its stead. */
Test(mmu, reclaims_what_was_used_the_longest_ago)
{
	static struct workload w;

	workload_start(&w, MMU_TRAP);
	rig_stop(&w.rig);
	for (unsigned i = 0; i < 4; i++) {
		w.rig.address[i] = 0x400000UL + i * 4096UL;
		w.rig.address[4 + i] = 0x600000UL + i * 0x200000UL;
		workload_put_entry(&w, PARENT + 2, 3 + i, (CHILD + i) * 4096UL | ALL);
		workload_put_entry(&w, CHILD + i, 0, COPIES * 4096UL | ALL);
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
	workload_start(&w, MMU_TRAP);
	rig_stop(&w.rig);
}
