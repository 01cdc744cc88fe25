/*
 * A processor's two VMCSs, the L0 that owns them and the L1 that fills vmcs12: for holding vmcs02
 * against nesting/invariants.def.
 */
#ifndef TESTS_UNIT_INVARIANTS_RIG_H
#define TESTS_UNIT_INVARIANTS_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/arch/x86.h"
#include "nesting/invariants.h"
#include "nesting/vmcs02.h"
#include "tests/unit/entry_world.h"
#include "tests/unit/random.h"

struct invariants_rig {
	struct random random;
	struct entry_world world;
	struct vmcs12 valid; /* the last that passed */
	struct entry_rules rules;
	struct nested nested;
	struct vmcs12 copies[NESTED_VMCSS];
	struct vmcs02_base base;
	struct vmcs02_merged merged;
	uint64_t vmcs01[VMCS12_SLOTS], vmcs02[VMCS12_SLOTS];
	_Alignas(PAGE_SIZE) uint8_t own_io[2 * PAGE_SIZE], io[2 * PAGE_SIZE];
	uint8_t own_msr[PAGE_SIZE], msr[PAGE_SIZE], l1_page[PAGE_SIZE];
};

void invariants_rig_init(struct invariants_rig *rig);

/* A TSC multiplier of any magnitude but 0. */
uint64_t invariants_rig_multiplier(struct invariants_rig *rig);

/* Another L0: with its controls, bitmaps, exceptions and clock. */
void invariants_rig_choose_l0(struct invariants_rig *rig);

/* What the entry does once the checks have passed. */
void invariants_rig_update(struct invariants_rig *rig);

/* The name of an invariant that does not hold, or NULL. */
const char *invariants_rig_violated(struct invariants_rig *rig);

#endif
