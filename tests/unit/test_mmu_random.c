/* The shadow MMU against the walker, by random tables, edits, invalidations and accesses. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/unit/mmu_guest.h"

#define STEPS	      160000 /* of each policy in each mode */
#define STEPS_A_GUEST 400
#define GUESTS	      50 /* at most, until a flush left out is noticed */

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
	} else if (dice < 94) {
		rig_guard(rig, random_frame(random));
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

/*
 * A guest hypervisor and its guest, which has the same memory, take turns: an entry or an exit is a
 * load of another state, be it of another mode.
 */
struct turns {
	struct random random;
	enum paging_mode l1, l2;
	struct paging_state other;
};

static void start_turns(struct mmu_rig *rig, struct turns *turns, enum mmu_policy policy,
			uint32_t pool_pages)
{
	random_guest(&turns->random, rig, turns->l1);
	turns->other = rig->state;
	random_guest(&turns->random, rig, turns->l2); /* whose addresses L1 can have, too */
	rig_start(rig, policy, pool_pages);
}

static void take_turns(struct mmu_rig *rig, struct turns *turns)
{
	for (unsigned i = 0; i < STEPS_A_GUEST; i++) {
		if (random_once_in(&turns->random, 8)) {
			struct paging_state left = rig->state;

			rig->state = turns->other;
			turns->other = left;
			rig_load(rig);
			rig_check(rig);
		}
		step(&turns->random, rig);
	}
}

static void run_nested(enum paging_mode l1, enum paging_mode l2, enum mmu_policy policy)
{
	static struct mmu_rig rig;
	struct turns turns = {.random.state = 77 + l1 * 13 + l2 * 3 + policy, .l1 = l1, .l2 = l2};

	for (unsigned i = 0; i < STEPS / 4 / STEPS_A_GUEST; i++) {
		start_turns(&rig, &turns, policy,
			    MMU_POOL_MIN + (i % 4) * (RIG_POOL_MAX - MMU_POOL_MIN) / 3);
		take_turns(&rig, &turns);
		rig_stop(&rig);
	}
}

#define TAKE_TURNS(policy, l1, l2)                                     \
	Test(mmu_random, policy##_serves_##l1##_and_its_guest_in_##l2) \
	{                                                              \
		run_nested(PAGING_##l1, PAGING_##l2, MMU_##policy);    \
	}
TAKE_TURNS(TRAP, 4LEVEL, PAE)
TAKE_TURNS(UNSYNC, 4LEVEL, 4LEVEL)
TAKE_TURNS(UNSYNC, 4LEVEL, PAE)
TAKE_TURNS(UNSYNC, 4LEVEL, 32BIT)

/* Guests until something stale is served. */
static bool notices(enum rig_flush left_out, unsigned seed)
{
	static struct mmu_rig rig;
	static jmp_buf caught;
	struct turns turns = {.random.state = seed, .l1 = PAGING_4LEVEL, .l2 = PAGING_4LEVEL};
	volatile bool noticed = false;

	rig.caught = &caught;
	rig.left_out[left_out] = true;
	for (volatile unsigned i = 0; i < GUESTS && !noticed; i++) {
		start_turns(&rig, &turns, MMU_UNSYNC, MMU_POOL_MIN);
		if (setjmp(caught) == 0)
			take_turns(&rig, &turns);
		else
			noticed = true;
		free(rig.workspace);
	}
	rig.left_out[left_out] = false;
	return noticed;
}

/* The rig's teeth. */
Test(mmu_random, each_flush_of_a_guest_hypervisor_and_its_guest_is_needed)
{
	for (unsigned seed = 1; seed <= 10; seed++) {
		cr_expect(notices(RIG_FLUSH_PAGE, seed), "page, seed %u", seed);
		cr_expect(notices(RIG_FLUSH_LOAD, seed), "entry or exit, seed %u", seed);
		cr_expect(notices(RIG_FLUSH_TABLE, seed), "table, seed %u", seed);
	}
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
