/* The tables of struct mmu_rig as a processor reads them: its shadow tables and the guest's own. */
#ifndef TESTS_UNIT_MMU_TABLES_H
#define TESTS_UNIT_MMU_TABLES_H

#include "tests/unit/mmu_rig.h"

#define RIG_POOL 0x10000000UL /* hpa */

/* The host frame of the guest's frame at gpa. */
uint64_t rig_host_frame(uint64_t gpa);

/* What an entry of a shadow table says; ctx is the rig. */
cache_reader rig_read_shadow;
/* Whether the processor, at a table that it has cached, may read this entry for an address. */
bool rig_may_read(const struct mmu_rig *rig, const uint64_t *entry);
/* What an entry of the guest's says, if a processor could cache it: present, accessed, nothing
 * reserved. */
cache_reader rig_read_own;

#endif
