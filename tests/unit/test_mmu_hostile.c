/* The shadow MMU with guests that mean harm, or whose tables are not what a kernel makes them. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/mmu_workload.h"

Test(mmu, faults_for_ever_where_cr3_is_outside_memory)
{
	static struct workload w;

	workload_start(&w, MMU_TRAP);
	workload_switch(&w, RIG_FRAMES + 7);
	for (unsigned n = 0; n < RIG_ADDRESSES; n++)
		cr_expect(rig_access(&w.rig, n, 0, &w.random, 0, 0) == MMU_UNREACHABLE);
	workload_switch(&w, PARENT);
	cr_expect(rig_access(&w.rig, 0, 0, &w.random, 0, 0) == MMU_RETRY);
	rig_stop(&w.rig);
}

/* The root maps itself, at all levels: the guest edits it by the address that it edits. */
Test(mmu, lets_tables_loop_and_edit_themselves)
{
	static struct workload w;

	for (enum mmu_policy policy = MMU_TRAP; policy <= MMU_PV; policy++) {
		workload_start(&w, policy);
		workload_set_entry(&w, PARENT, 0, PARENT * 4096UL | ALL);
		rig_flush(&w.rig);
		w.rig.address[0] = 0;
		rig_flush(&w.rig);
		cr_expect(rig_access(&w.rig, 0, 0, &w.random, 0, 0) == MMU_RETRY);
		enum mmu_outcome outcome =
			rig_access(&w.rig, 0, 1, &w.random, 8, (PARENT + 1) * 4096UL | ALL);
		cr_expect(outcome == (policy == MMU_PV ? MMU_RETRY : MMU_EMULATE));
		cr_expect(rig_get(&w.rig, workload_entry(PARENT, 1), 8) ==
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

		workload_start(&w, MMU_UNSYNC);
		w.rig.address[6] = alias;
		w.rig.address[7] = alias + 4096;
		rig_flush(&w.rig);
		cr_assert(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY);
		cr_assert(rig_access(&w.rig, 1, 3, &w.random, 0, 0) == MMU_RETRY);
		workload_set_entry(&w, PARENT + 3, 1, COPIES * 4096UL | ALL);
		workload_set_entry(&w, frame, index, (frame + 1) * 4096UL | ALL);
		cr_expect(rig_access(&w.rig, 6, 3, &w.random, 0, 0) == MMU_RETRY);
		rig_check(&w.rig);
		rig_stop(&w.rig);
	}
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
	uint64_t gpa = workload_entry(frame, frame == 2 ? 2 : 0);
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
		workload_start(w, round % 2 ? MMU_TRAP : MMU_UNSYNC);
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

/* An entry that the guest has taken away and not invalidated is gone once it has faulted. */
Test(mmu, serves_nothing_stale_behind_a_page_fault)
{
	static struct workload w;

	for (unsigned open = 0; open < 2; open++) {
		workload_start(&w, MMU_UNSYNC);
		cr_assert(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY);
		if (open)
			mmu_unprotect(&w.rig.mmu, (PARENT + 2) * 4096UL);
		workload_set_entry(&w, PARENT + 2 + !open, open ? 2 : 0, 0);
		cr_expect(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_RETRY, "not before");
		cr_expect(rig_access(&w.rig, 0, 4, &w.random, 0, 0) == MMU_GUEST_FAULT);
		cr_expect(rig_access(&w.rig, 0, 3, &w.random, 0, 0) == MMU_GUEST_FAULT);
		rig_stop(&w.rig);
	}
}

/*
 * The processor reads a descriptor, or another table of its own, in a user's page: under SMAP
 * RFLAGS.AC does not count, and the guest must see the fault that no mapping can spare it.
 */
Test(mmu, gives_implicit_accesses_their_fault_under_smap)
{
	static struct workload w;

	workload_start(&w, MMU_TRAP);
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
