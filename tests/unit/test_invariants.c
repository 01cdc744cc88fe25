/* What vmcs02 may never contain, whatever L1 puts into vmcs12. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/invariants_rig.h"

#define ENTRIES 1000000

static void want(struct invariants_rig *rig, enum vmcs_field field, uint64_t control)
{
	vmcs12_set(&rig->world.v, field, vmcs12_get(&rig->world.v, field) | control);
}

/* Where L1 has a say in what its guest's clock is, one of any magnitude. */
static void choose_clock(struct invariants_rig *rig)
{
	vmcs12_set(&rig->world.v, VMCS_TSC_OFFSET, random_next(&rig->random));
	vmcs12_set(&rig->world.v, VMCS_TSC_MULTIPLIER, invariants_rig_multiplier(rig));
	if (random_once_in(&rig->random, 2))
		want(rig, VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_TSC_OFFSETTING);
	if (random_once_in(&rig->random, 2))
		want(rig, VMCS_SECONDARY_CONTROLS, CONTROL_SECONDARY_TSC_SCALING);
}

/* L1 starts over with a new VMCS, all of which is to be loaded. */
static void choose_l1(struct invariants_rig *rig)
{
	do {
		entry_world_init(&rig->world, random_below(&rig->random, BASES));
		vmcs12_set(&rig->world.v, VMCS_EPT_POINTER, WORLD_PAGE | 0x1e);
		choose_clock(rig);
		rig->rules.vmx = &rig->nested.offered;
	} while (entry_check_vmcs(&rig->rules, &rig->world.entry, ENTRY_CHANGED_ALL) !=
		 ENTRY_PASSED);
	rig->valid = rig->world.v;
	memset(rig->nested.held, 0xff, sizeof(rig->nested.held));
}

/* L1 writes a field that it has, with any bits. */
static void change(struct invariants_rig *rig)
{
	unsigned slot;
	uint64_t value;

	do {
		slot = random_below(&rig->random, VMCS12_SLOTS);
	} while (rig->nested.layout.field[slot].use == VMCS12_ABSENT);
	value = random_next(&rig->random);
	if (random_once_in(&rig->random, 2))
		value = rig->world.v.slot[slot] ^ UINT64_C(1) << (value & 63);
	else if (random_once_in(&rig->random, 2))
		value &= 0xf000;
	rig->world.v.slot[slot] = vmcs12_merge(rig->nested.layout.field[slot].encoding, 0, value);
	rig->nested.held[slot / 64] |= BIT(slot % 64);
}

/* And stores to the page that its bitmaps are in. */
static void store(struct invariants_rig *rig)
{
	rig->l1_page[random_below(&rig->random, PAGE_SIZE)] ^= (uint8_t)random_next(&rig->random);
	rig->base.writes++;
}

/* One vmcs12 of L1's: false where VM entry refuses it, and the last that passed stands again. */
static bool enter(struct invariants_rig *rig)
{
	do {
		change(rig);
	} while (random_once_in(&rig->random, 2));
	if (random_once_in(&rig->random, 16))
		store(rig);
	if (entry_check_vmcs(&rig->rules, &rig->world.entry, ENTRY_CHANGED_ALL) != ENTRY_PASSED) {
		rig->world.v = rig->valid;
		return false;
	}
	invariants_rig_update(rig);
	rig->valid = rig->world.v;
	return true;
}

Test(invariants, hold_whatever_l1_wants)
{
	static struct invariants_rig rig;
	unsigned entered = 0;

	invariants_rig_init(&rig);
	for (unsigned i = 0; entered < ENTRIES; i++) {
		const char *name;

		if (i % 1024 == 0)
			invariants_rig_choose_l0(&rig);
		if (i % 64 == 0)
			choose_l1(&rig);
		if (!enter(&rig))
			continue;
		name = invariants_rig_violated(&rig);
		cr_assert(!name, "step %u: %s", i, name);
		entered++;
		/* What the exit leaves to be loaded again is part of the next one. */
		if (random_once_in(&rig.random, 2))
			vmcs02_left(&rig.nested);
	}
}
