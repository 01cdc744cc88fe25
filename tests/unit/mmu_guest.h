/* Random guests of struct mmu_rig: tables whose entries lead to each other, and edits to them. */
#ifndef TESTS_UNIT_MMU_GUEST_H
#define TESTS_UNIT_MMU_GUEST_H

#include "tests/unit/mmu_rig.h"
#include "tests/unit/random.h"

uint64_t random_frame(struct random *random);
uint64_t random_entry(struct random *random);
/* Control registers, and roots, that a guest of this state may load. */
void random_controls(struct random *random, struct paging_state *state);
void random_root(struct random *random, struct paging_state *state);
/* Memory, addresses and state of a guest in this mode. */
void random_guest(struct random *random, struct mmu_rig *rig, enum paging_mode mode);

/* A store to an entry that one of the addresses has, in a table that may be one of the guest's. */
struct guest_edit {
	uint64_t gpa, entry;
	unsigned size;
};
struct guest_edit random_edit(struct random *random, const struct mmu_rig *rig);

#endif
