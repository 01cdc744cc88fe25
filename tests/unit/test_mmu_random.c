/* The shadow MMU against the walker, by random tables, edits, invalidations and accesses. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/mmu_rig.h"

#define STEPS	      160000 /* of each policy in each mode */
#define STEPS_A_GUEST 400

static uint64_t pick(struct random *random, const uint16_t *from, unsigned count)
{
	return from[random_below(random, count)];
}

/* Few entries of each table, so that the addresses share tables. */
static uint64_t random_address(struct random *random, enum paging_mode mode)
{
	static const uint16_t pages[] = {0, 1, 3, 511}, tables[] = {0, 1, 511};
	static const uint16_t pages_32[] = {0, 1, 511, 513}, tables_32[] = {0, 1, 256, 1023};

	if (mode == PAGING_NONE)
		return random_below(random, RIG_FRAMES + 4) << 12;
	if (mode == PAGING_32BIT)
		return pick(random, tables_32, 4) << 22 | pick(random, pages_32, 4) << 12;
	uint64_t low = pick(random, tables, 3) << 21 | pick(random, pages, 4) << 12;
	if (mode == PAGING_PAE)
		return random_below(random, 4) << 30 | low;
	uint64_t address = pick(random, tables, 3) << 39 | pick(random, tables, 3) << 30 | low;
	return (uint64_t)((int64_t)(address << 16) >> 16);
}

static uint64_t random_frame(struct random *random)
{
	return random_below(random, RIG_FRAMES + random_once_in(random, 24)) << 12;
}

static uint64_t random_entry(struct random *random)
{
	uint64_t entry = random_frame(random) | PTE_P | PTE_RW | PTE_US;

	entry |= random_next(random) & (PTE_A | PTE_D);
	if (random_once_in(random, 4))
		entry ^= BIT(random_below(random, 3));
	if (random_once_in(random, 8))
		entry = (entry & 0xfff) | PTE_PS | random_below(random, 2) << 30;
	if (random_once_in(random, 8))
		entry |= PTE_NX;
	if (random_once_in(random, 32))
		entry |= BIT(random_below(random, 64));
	return entry;
}

static void random_controls(struct random *random, struct paging_state *state)
{
	uint64_t bits = random_next(random);

	state->cr0 = (state->cr0 & ~CR0_WP) | (random_once_in(random, 2) ? CR0_WP : 0);
	state->cr4 = (state->cr4 & CR4_PAE) | (bits & (CR4_SMEP | CR4_PSE));
	if (random_once_in(random, 3))
		state->cr4 |= CR4_SMAP;
	state->efer = (state->efer & ~EFER_NXE) | (random_once_in(random, 4) ? 0 : EFER_NXE);
}

static void random_root(struct random *random, struct paging_state *state)
{
	state->cr3 = random_below(random, 4) << 12;
	if (random_once_in(random, 64))
		state->cr3 = RIG_SIZE;
	for (unsigned i = 0; i < 4; i++)
		state->pdpte[i] = random_frame(random) | (random_once_in(random, 8) ? 0 : PTE_P);
}

static void random_guest(struct random *random, struct mmu_rig *rig, enum paging_mode mode)
{
	unsigned size = mode == PAGING_32BIT ? 4 : 8;

	for (unsigned n = 0; n < RIG_ADDRESSES; n++)
		rig->address[n] = random_address(random, mode);
	for (uint64_t gpa = 0; gpa < RIG_SIZE; gpa += size) {
		uint64_t entry = random_entry(random);
		memcpy(rig->memory.bytes + gpa, &entry, size);
	}
	rig->state = (struct paging_state){
		.cr0 = CR0_PE | (mode == PAGING_NONE ? 0 : CR0_PG),
		.cr4 = mode >= PAGING_PAE ? CR4_PAE : 0,
		.efer = mode == PAGING_4LEVEL ? EFER_LME | EFER_LMA : 0,
		.maxphyaddr = 40,
		.pages_1g = true,
	};
	random_controls(random, &rig->state);
	random_root(random, &rig->state);
}

/* Where an address has its entry, in a table that may be one of the guest's. */
static void edit(struct random *random, struct mmu_rig *rig)
{
	enum paging_mode mode = paging_mode(&rig->state);
	unsigned bits = mode == PAGING_32BIT ? 10 : 9, size = mode == PAGING_32BIT ? 4 : 8;
	uint64_t address = rig->address[random_below(random, RIG_ADDRESSES)];
	unsigned level = random_below(random, mode == PAGING_4LEVEL ? 4 : 2);
	uint64_t gpa = random_below(random, RIG_FRAMES) << 12;
	uint64_t entry = random_entry(random);

	gpa += (address >> (12 + bits * level) & (BIT(bits) - 1)) * size;
	if (random_once_in(random, 3))
		entry = rig_get(rig, gpa, size) ^ BIT(random_below(random, 8));
	rig_write(rig, gpa, size, entry);
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
