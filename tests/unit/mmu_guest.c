#include "tests/unit/mmu_guest.h"

#include <string.h>

#include "l1vmm/arch/x86.h"

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
		return random_once_in(random, 3) ? RIG_LARGE + pick(random, pages, 4) * PAGE_SIZE
						 : random_below(random, RIG_FRAMES + 4) << 12;
	if (mode == PAGING_32BIT)
		return pick(random, tables_32, 4) << 22 | pick(random, pages_32, 4) << 12;
	uint64_t low = pick(random, tables, 3) << 21 | pick(random, pages, 4) << 12;
	if (mode == PAGING_PAE)
		return random_below(random, 4) << 30 | low;
	uint64_t address = pick(random, tables, 3) << 39 | pick(random, tables, 3) << 30 | low;
	return (uint64_t)((int64_t)(address << 16) >> 16);
}

uint64_t random_frame(struct random *random)
{
	if (random_once_in(random, 6))
		return RIG_LARGE + (random_below(random, RIG_LARGE_FRAMES) << 12);
	return random_below(random, RIG_FRAMES + random_once_in(random, 24)) << 12;
}

uint64_t random_entry(struct random *random)
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

void random_controls(struct random *random, struct paging_state *state)
{
	uint64_t bits = random_next(random);

	state->cr0 = (state->cr0 & ~CR0_WP) | (random_once_in(random, 2) ? CR0_WP : 0);
	state->cr4 = (state->cr4 & CR4_PAE) | (bits & (CR4_SMEP | CR4_PSE));
	if (random_once_in(random, 3))
		state->cr4 |= CR4_SMAP;
	state->efer = (state->efer & ~EFER_NXE) | (random_once_in(random, 4) ? 0 : EFER_NXE);
}

void random_root(struct random *random, struct paging_state *state)
{
	state->cr3 = random_below(random, 4) << 12;
	if (random_once_in(random, 64))
		state->cr3 = RIG_SIZE;
	for (unsigned i = 0; i < 4; i++)
		state->pdpte[i] = random_frame(random) | (random_once_in(random, 8) ? 0 : PTE_P);
}

void random_guest(struct random *random, struct mmu_rig *rig, enum paging_mode mode)
{
	unsigned size = mode == PAGING_32BIT ? 4 : 8;

	for (unsigned n = 0; n < RIG_ADDRESSES; n++)
		rig->address[n] = random_address(random, mode);
	for (uint64_t at = 0; at < RIG_BYTES; at += size) {
		uint64_t entry = random_entry(random);
		memcpy(rig->memory.bytes + at, &entry, size);
	}
	rig->pieces = random_once_in(random, 3);
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

struct guest_edit random_edit(struct random *random, const struct mmu_rig *rig)
{
	enum paging_mode mode = paging_mode(&rig->state);
	unsigned bits = mode == PAGING_32BIT ? 10 : 9, size = mode == PAGING_32BIT ? 4 : 8;
	uint64_t address = rig->address[random_below(random, RIG_ADDRESSES)];
	unsigned level = random_below(random, mode == PAGING_4LEVEL ? 4 : 2);
	uint64_t gpa = random_once_in(random, 8)
			       ? RIG_LARGE + (random_below(random, RIG_LARGE_FRAMES) << 12)
			       : random_below(random, RIG_FRAMES) << 12;
	uint64_t entry = random_entry(random);

	gpa += (address >> (12 + bits * level) & (BIT(bits) - 1)) * size;
	if (random_once_in(random, 3))
		entry = rig_get(rig, gpa, size) ^ BIT(random_below(random, 8));
	return (struct guest_edit){gpa, entry, size};
}
