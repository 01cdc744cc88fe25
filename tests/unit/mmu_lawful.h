/*
 * What the two processors of struct mmu_rig have cached, the one on shadow tables and the one that
 * walks the guest's own; and whether the first could have it by law, which is that the second does.
 */
#ifndef TESTS_UNIT_MMU_LAWFUL_H
#define TESTS_UNIT_MMU_LAWFUL_H

#include "tests/unit/mmu_rig.h"

/* RFLAGS of access i (rig_access_bits()). */
uint64_t rig_access_rflags(unsigned i);

/* What the processor has cached for address[n], which tests may change behind a flush. */
struct mmu_cache *rig_cached(struct mmu_rig *rig, unsigned n);

/* The other one takes in what it can now. */
void rig_extend_lawful(struct mmu_rig *rig, unsigned n);

/* Both take in what they can; nothing may be stale. */
void rig_check_lawful(struct mmu_rig *rig);

/* One of the cached pages that allow the access; `wanted` other than ~0 asks for that frame. */
const struct cached_page *rig_choose(struct mmu_rig *rig, unsigned n, unsigned access,
				     struct random *random, uint64_t wanted);

/* No entry that is cached may make the processor fault again. */
void rig_check_progress(struct mmu_rig *rig, unsigned n, unsigned access);

#endif
