/*
 * A guest hypervisor's EPTs and the ept02 composed of them, on a processor that forgets nothing
 * unless it must; and what such a processor could have cached for the guest hypervisor, if it were
 * its own.  An ept01 of three parts has pages of 4 KB, 2 MB and 1 GB.
 */
#ifndef TESTS_UNIT_EPT02_RIG_H
#define TESTS_UNIT_EPT02_RIG_H

#include "nesting/ept02.h"
#include "tests/unit/adversarial_tlb.h"

#define EPT02_CONTEXTS	(EPT02_ROOTS + 2) /* EPTs of L1; the topmost table of each is page n */
#define EPT02_TABLES	(EPT02_CONTEXTS + 16)
#define EPT02_PROBES	10 /* addresses that L2 looks at */
#define EPT02_RIG_WIDTH 40
#define EPT02_PARTS	3
#define EPT02_MEMORY	UINT64_C(0xc0000000) /* of L1: part 0 to 2 MB, part 1 to 1 GB, part 2 */

/* Why ept02 invalidates. */
#define EPT02_REASONS(X)                                                     \
	X(INVEPT, "L1's INVEPT of one EPT")                                  \
	X(INVEPT_ALL, "L1's INVEPT of all")                                  \
	X(CHANGED, "a change of ept01")                                      \
	X(REUSED, "a root that another EPT takes over")                      \
	X(FLAGS, "accessed and dirty flags that L1 begins or ceases to use") \
	X(RECLAIMED, "tables that the pool takes back")
#define EPT02_REASON(NAME, text) EPT02_##NAME,
enum ept02_reason { EPT02_REASONS(EPT02_REASON) EPT02_REASONS_COUNT };
#undef EPT02_REASON

/* A part of ept01. */
struct ept02_part {
	uint64_t base;	  /* hpa less gpa */
	uint64_t size;	  /* of its pages */
	uint64_t granted; /* rights of all its pages */
	uint64_t allowed; /* rights that they get on demand */
	enum ept_memory_type type;
};

struct ept02_rig {
	struct ept02 ept02;
	struct vmx_capabilities offered;
	uint64_t l1[EPT02_TABLES][512]; /* L1's tables, from gpa 0 */
	uint64_t pool[EPT02_POOL_MOST][512];
	struct ept02_part parts[EPT02_PARTS];
	bool flags[EPT02_CONTEXTS]; /* accessed and dirty, in the EPT pointer */
	unsigned stores;	    /* to L1's memory */
	struct adversarial_tlb hardware;
	struct adversarial_tlb lawful; /* as L1 must reckon with */
	enum ept02_reason reason;      /* of the next invalidation */
	unsigned invalidations[EPT02_REASONS_COUNT];
	bool dropped[EPT02_REASONS_COUNT]; /* those of the reason do nothing */
	bool keeps;			   /* what a violation makes a processor forget */
	unsigned violations, compositions;
	char stale[200]; /* what was first seen of a mapping that should be gone, or empty */
};

/* Empty tables; a pool of so many. */
void ept02_rig_init(struct ept02_rig *rig, unsigned tables);

uint64_t ept02_rig_probe(unsigned probe);
uint64_t ept02_rig_eptp(const struct ept02_rig *rig, unsigned context);
struct ept02_part *ept02_rig_part(struct ept02_rig *rig, uint64_t gpa);

/* L1's INVEPT; all contexts for EPT02_CONTEXTS. */
void ept02_rig_invept(struct ept02_rig *rig, unsigned context);

/* Anything of ept01 has changed. */
void ept02_rig_changed(struct ept02_rig *rig);

/* L2 accesses a probe, until it succeeds or has to be told of a fault. */
enum ept02_outcome ept02_rig_access(struct ept02_rig *rig, unsigned context, unsigned probe,
				    uint64_t access);

/* The reference: what a walk of L1's tables comes to. */
struct ept02_reference {
	enum ept12_outcome outcome;
	uint64_t gpa, size, granted, type;
	uint64_t *way[4]; /* the entries; the last one first */
	unsigned steps;
};

/* What is at an address: of L1's tables, NULL where there are none, and of the pool. */
uint64_t *ept02_rig_word(struct ept02_rig *rig, uint64_t gpa);
bool ept02_rig_has(const struct ept02_rig *rig, uint64_t hpa);
uint64_t *ept02_rig_table(struct ept02_rig *rig, uint64_t hpa);

/* Whether an entry that is present, and translates 1 << shift bytes, is malformed. */
bool ept02_rig_malformed(const struct ept02_rig *rig, uint64_t entry, unsigned shift, bool page);

struct ept02_reference ept02_rig_walk(struct ept02_rig *rig, unsigned context, uint64_t l2_gpa);

/* The entry of ept02 for an address of the context that ran last, and the size of its page. */
uint64_t ept02_rig_entry(struct ept02_rig *rig, uint64_t l2_gpa, uint64_t *size);

#endif
