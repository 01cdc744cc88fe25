/*
 * A guest on an EPT, on a processor whose TLB forgets only what it must.  The guest has several
 * contexts, each with a VPID and with page tables of its own that never change.
 */
#ifndef TESTS_UNIT_EPT_RIG_H
#define TESTS_UNIT_EPT_RIG_H

#include "l1vmm/vmx/ept.h"
#include "tests/unit/adversarial_tlb.h"
#include "tests/unit/table_rig.h"

#define EPT_RIG_BASE	 UINT64_C(0x00012340000000) /* hpa of the guest's memory, on 1 GB */
#define EPT_RIG_MEMORY	 (UINT64_C(0x40000000) + (UINT64_C(6) << 20))
#define EPT_RIG_PAGES	 12 /* that the guest looks at */
#define EPT_RIG_CONTEXTS 3  /* VPIDs 0, as with tlb=flush, to 2 */

struct ept_rig {
	struct table_rig tables;
	struct ept ept;
	struct adversarial_tlb tlb;
	unsigned invalidations; /* asked for by the code under test */
	unsigned dropped;	/* that number of them, counted from 1, does nothing; 0: none */
	void (*replaced)(struct ept_rig *rig); /* done instead of any; NULL: INVEPT */
	char stale[160]; /* what was first seen of a mapping that should be gone, or empty */
};

struct ept_config ept_rig_config(uint64_t page_size);

/* An empty EPT. invalidate of `config` is the rig's. */
void ept_rig_init(struct ept_rig *rig, struct ept_config config);
void ept_rig_free(struct ept_rig *rig);

/* The pages, by number: some share a large page, some do not. */
uint64_t ept_rig_gpa(unsigned page);

/*
 * The guest, in a context, accesses a page; repeated until it succeeds, as the hypervisor lets it.
 * What ept_access() said last, EPT_DONE where nobody had to ask.
 */
enum ept_result ept_rig_access(struct ept_rig *rig, unsigned context, unsigned page,
			       uint64_t access);

/* The entry of a page as the tables have it, 0 for none. */
uint64_t ept_rig_entry(const struct ept_rig *rig, uint64_t gpa);

/* Lets the TLB take in all that it can, then holds it against the tables. */
void ept_rig_check(struct ept_rig *rig);

#endif
