/*
 * Shadow-on-EPT: a guest hypervisor that shadows the tables of its guests itself, on a processor
 * that forgets nothing unless it must.  To L0 each of these guests runs on tables in L1's memory,
 * behind ept01, under a VPID of L0's that stands for one of L1's.  Beside it, what a processor of
 * L1's own could have cached of the same tables.
 */
#ifndef TESTS_UNIT_SHADOW_ON_EPT_RIG_H
#define TESTS_UNIT_SHADOW_ON_EPT_RIG_H

#include "l1vmm/vmx/ept.h"
#include "nesting/vpid12.h"
#include "tests/unit/adversarial_tlb.h"
#include "tests/unit/table_rig.h"

#define SOE_FRAMES 20 /* of L1's memory, from gpa 0; those below SOE_DATA are tables */
#define SOE_DATA   16
#define SOE_PROBES 4 /* addresses that guests look at */

/* Who runs: L1, a guest that it gives no VPID, or one of more than L0 has VPIDs for. */
#define SOE_L1	     0
#define SOE_UNTAGGED 1
#define SOE_CONTEXTS (VPID12_SLOTS + 3)

/* Why L0 invalidates. */
#define SOE_REASONS(X)                                                      \
	X(ADDRESS, "L1's INVVPID of an address")                            \
	X(SINGLE, "L1's INVVPID of a VPID")                                 \
	X(ALL, "L1's INVVPID of all")                                       \
	X(NON_GLOBAL, "L1's INVVPID of what is not global")                 \
	X(REUSED, "a VPID that another of L1's takes over")                 \
	X(ENTRY, "an entry of a guest without a VPID")                      \
	X(EXIT, "an exit of such a guest: to L1, which has VPID 0 as well") \
	X(WATCH, "a page of L1's whose next store is to be counted")        \
	X(PROTECT, "rights that ept01 takes away")                          \
	X(TYPE, "another memory type")                                      \
	X(COLLECT, "dirty flags that are collected")                        \
	X(UNMAP, "a page that is unmapped")
#define SOE_REASON(NAME, text) SOE_##NAME,
enum soe_reason { SOE_REASONS(SOE_REASON) SOE_REASONS_COUNT };
#undef SOE_REASON

enum soe_outcome {
	SOE_DONE,
	SOE_FAULT,   /* a page fault: L1's exit */
	SOE_DENIED,  /* ept01 is not to grant that */
	SOE_OUTSIDE, /* no frame of L1's */
};

struct soe_rig {
	struct table_rig tables; /* of ept01 */
	struct ept ept;
	struct vpid12_map vpids;
	uint64_t l1[SOE_DATA][512];  /* L1's tables */
	unsigned root[SOE_CONTEXTS]; /* the frame of each topmost one */
	unsigned running;
	unsigned slot; /* of running, where it is a guest */
	struct adversarial_tlb hardware;
	struct adversarial_tlb lawful;	    /* as L1 must reckon with */
	struct cached_page now[SOE_FRAMES]; /* what ept01 says */
	unsigned variants;		    /* that the processor has cached of a frame, at most */
	uint64_t watched[SOE_FRAMES]; /* 0, or 1 + the count of stores when that was asked for */
	enum soe_reason reason;	      /* of the next invalidation */
	unsigned invalidations[SOE_REASONS_COUNT];
	bool dropped[SOE_REASONS_COUNT]; /* those of the reason do nothing */
	unsigned violations;
	unsigned checked; /* mappings that the one processor had, held against the other's */
	char stale[200];  /* what was first seen of a mapping that should be gone, or empty */
};

/* Empty tables, with L1 running. */
void soe_init(struct soe_rig *rig, struct ept_config config);
void soe_free(struct soe_rig *rig);

uint64_t soe_probe(unsigned probe);

/* VM entry and VM exit.  @pre L1 runs; a guest does */
void soe_enter(struct soe_rig *rig, unsigned context);
void soe_exit(struct soe_rig *rig);

/* L1 stores to a table.  @pre it runs */
enum soe_outcome soe_store(struct soe_rig *rig, unsigned frame, unsigned index, uint64_t entry);
/* INVVPID with L1's number of that guest's VPID.  @pre it runs */
void soe_invvpid(struct soe_rig *rig, enum invvpid_type type, unsigned context, uint64_t gva);
/* MOV to CR3 of whoever runs, to CR4, and INVLPG: the processor's own doing. */
void soe_load_cr3(struct soe_rig *rig, unsigned frame);
void soe_change_pge(struct soe_rig *rig);
void soe_invlpg(struct soe_rig *rig, uint64_t gva);

/* L0 changes ept01 for a frame, and is to invalidate. */
void soe_change(struct soe_rig *rig, enum soe_reason what, unsigned frame, uint64_t rights);

/* Whoever runs accesses a probe: PTE_RW to write, PTE_US as user, PTE_NX to execute. */
enum soe_outcome soe_access(struct soe_rig *rig, unsigned probe, uint64_t access);

/* Whether a cache of whoever runs is about to be full. */
bool soe_crowded(struct soe_rig *rig);

/* Of whoever runs: its VPIDs, and what the processors have cached for a probe; of a frame. */
uint16_t soe_vpid12(unsigned context);
uint16_t soe_vpid02(const struct soe_rig *rig);
struct mmu_cache *soe_combined(struct soe_rig *rig, unsigned probe);
struct mmu_cache *soe_lawful(struct soe_rig *rig, unsigned probe);
struct mmu_cache *soe_physical(struct soe_rig *rig, unsigned frame);

/* ept01 has changed, or its flags have: the processor may walk it at any moment. */
void soe_take_in_ept(struct soe_rig *rig);

#endif
