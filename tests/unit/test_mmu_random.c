/* The shadow MMU against the walker, by random tables, edits, invalidations and accesses. */
#include <criterion/criterion.h>

#include "tests/unit/mmu_guest.h"

#define STEPS	      160000 /* of each policy in each mode */
#define STEPS_A_GUEST 400

static void edit(struct random *random, struct mmu_rig *rig)
{
	struct guest_edit edit = random_edit(random, rig);

	rig_write(rig, edit.gpa, edit.size, edit.entry);
}

static void step(struct random *random, struct mmu_rig *rig)
{
	uint64_t address = rig->address[random_below(random, RIG_ADDRESSES)];
	uint64_t dice = random_below(random, 100);

	if (dice < 56) {
		rig_access(rig, random_below(random, RIG_ADDRESSES),
			   random_below(random, RIG_ACCESSES), random,
			   (unsigned)random_below(random, 512) * 8, random_entry(random));
	} else if (dice < 80) {
		edit(random, rig);
	} else if (dice < 93) {
		rig_invlpg(rig, address);
	} else if (dice < 95) {
		mmu_unprotect(&rig->mmu, random_frame(random));
	} else if (dice < 96) {
		mmu_forget(&rig->mmu, random_frame(random));
	} else if (dice < 98) {
		rig_flush(rig);
	} else {
		if (random_once_in(random, 2))
			random_controls(random, &rig->state);
		else
			random_root(random, &rig->state);
		rig_load(rig);
	}
	if (rig_crowded(rig))
		rig_flush(rig);
	rig_check(rig);
}

static void run(enum paging_mode mode, enum mmu_policy policy)
{
	static struct mmu_rig rig;
	struct random random = {.state = 11 + mode * 3 + policy};

	for (unsigned i = 0; i < STEPS / STEPS_A_GUEST; i++) {
		random_guest(&random, &rig, mode);
		rig_start(&rig, policy, MMU_POOL_MIN + (i % 4) * (RIG_POOL_MAX - MMU_POOL_MIN) / 3);
		for (unsigned j = 0; j < STEPS_A_GUEST; j++)
			step(&random, &rig);
		rig_stop(&rig);
	}
}

#define AGREES(policy, mode)                                        \
	Test(mmu_random, policy##_agrees_with_the_walker_in_##mode) \
	{                                                           \
		run(PAGING_##mode, MMU_##policy);                   \
	}
AGREES(TRAP, NONE)
AGREES(TRAP, 32BIT)
AGREES(TRAP, PAE)
AGREES(TRAP, 4LEVEL)
AGREES(UNSYNC, 32BIT)
AGREES(UNSYNC, PAE)
AGREES(UNSYNC, 4LEVEL)
AGREES(PV, 32BIT)
AGREES(PV, PAE)
AGREES(PV, 4LEVEL)
