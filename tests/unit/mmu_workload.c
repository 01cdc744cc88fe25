#include "tests/unit/mmu_workload.h"

#include <criterion/criterion.h>
#include <string.h>

#define KERNEL	0xffff800000000000
#define DIRTIED 4 /* of them, by each process after the fork */

uint64_t workload_entry(unsigned frame, unsigned index)
{
	return frame * 4096UL + index * 8UL;
}

void workload_set_entry(struct workload *w, unsigned frame, unsigned index, uint64_t value)
{
	rig_access(&w->rig, PROCESS_PAGES + frame, 1, &w->random, index * 8, value);
	cr_assert(rig_get(&w->rig, workload_entry(frame, index), 8) == value);
}

void workload_invlpg(struct workload *w, unsigned page)
{
	rig_invlpg(&w->rig, w->rig.address[page]);
	w->exits += w->rig.mmu.policy != MMU_PV;
}

void workload_switch(struct workload *w, unsigned process)
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

void workload_put_entry(struct workload *w, unsigned frame, unsigned index, uint64_t value)
{
	memcpy(w->rig.memory.bytes + workload_entry(frame, index), &value, 8);
}

void workload_start(struct workload *w, enum mmu_policy policy)
{
	memset(w, 0, sizeof(*w));
	w->random.state = 5;
	for (unsigned i = 0; i < PROCESS_PAGES; i++)
		w->rig.address[i] = 0x400000UL + i * 4096UL;
	for (unsigned i = 0; i < RIG_FRAMES; i++)
		w->rig.address[PROCESS_PAGES + i] = KERNEL + i * 4096UL;
	workload_put_entry(w, PARENT, 0, (PARENT + 1) * 4096UL | ALL);
	workload_put_entry(w, PARENT, 256, KERNEL_TABLES * 4096UL | PTE_P | PTE_RW);
	workload_put_entry(w, PARENT + 1, 0, (PARENT + 2) * 4096UL | ALL);
	workload_put_entry(w, PARENT + 2, 2, (PARENT + 3) * 4096UL | ALL);
	workload_put_entry(w, KERNEL_TABLES, 0, (KERNEL_TABLES + 1) * 4096UL | PTE_P | PTE_RW);
	workload_put_entry(w, KERNEL_TABLES + 1, 0, PTE_P | PTE_RW | PTE_PS);
	for (unsigned i = 0; i < PROCESS_PAGES; i++)
		workload_put_entry(w, PARENT + 3, i, (PAGES + i) * 4096UL | ALL);
	w->rig.state = (struct paging_state){
		.cr0 = CR0_PE | CR0_PG | CR0_WP,
		.cr4 = CR4_PAE,
		.efer = EFER_LME | EFER_LMA | EFER_NXE,
		.maxphyaddr = 40,
		.pages_1g = true,
	};
	rig_start(&w->rig, policy, RIG_POOL_MAX);
}

void workload_fork(struct workload *w)
{
	for (unsigned i = 0; i < PROCESS_PAGES; i++) {
		uint64_t entry = rig_get(&w->rig, workload_entry(PARENT + 3, i), 8) & ~PTE_RW;

		workload_set_entry(w, PARENT + 3, i, entry);
		workload_set_entry(w, CHILD + 3, i, entry & ~(PTE_A | PTE_D));
	}
	workload_set_entry(w, CHILD + 2, 2, (CHILD + 3) * 4096UL | ALL);
	workload_set_entry(w, CHILD + 1, 0, (CHILD + 2) * 4096UL | ALL);
	workload_set_entry(w, CHILD, 256, KERNEL_TABLES * 4096UL | PTE_P | PTE_RW);
	workload_set_entry(w, CHILD, 0, (CHILD + 1) * 4096UL | ALL);
	tell(w);
	rig_flush(&w->rig);
	w->exits++;
}

void workload_run(struct workload *w, unsigned process, unsigned copies)
{
	for (unsigned i = 0; i < PROCESS_PAGES; i++) {
		cr_assert(rig_access(&w->rig, i, 3, &w->random, 0, 0) == MMU_RETRY);
		if (i >= DIRTIED)
			continue;
		cr_assert(rig_access(&w->rig, i, 4, &w->random, 8, i) == MMU_GUEST_FAULT);
		workload_set_entry(w, process + 3, i, (copies + i) * 4096UL | ALL | PTE_A | PTE_D);
		tell(w);
		workload_invlpg(w, i);
		cr_assert(rig_access(&w->rig, i, 4, &w->random, 16, i) == MMU_RETRY);
		cr_assert(rig_get(&w->rig, (copies + i) * 4096UL + 16, 8) == i);
	}
}

void workload_end_child(struct workload *w)
{
	for (unsigned i = 0; i < PROCESS_PAGES; i++)
		workload_set_entry(w, CHILD + 3, i, 0);
	workload_set_entry(w, CHILD + 2, 2, 0);
	workload_set_entry(w, CHILD + 1, 0, 0);
	workload_set_entry(w, CHILD, 0, 0);
	tell(w);
	workload_switch(w, PARENT);
	if (w->rig.mmu.policy == MMU_PV)
		mmu_forget(&w->rig.mmu, CHILD * 4096UL);
}
