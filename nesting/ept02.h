/*
 * ept02: from L2's physical addresses to the machine's, composed page by page of ept12, which L1
 * keeps in its memory, and of ept01, by which L0 has put that memory somewhere.
 *
 * To L1 it is what a processor has cached of ept12: it may be behind ept12 where that could be, and
 * goes when that must (SDM volume 3, 29.4.3).  There is one for each of the ept12 that L1 has used
 * last; all share a pool of tables, which the one used least recently gives up first.
 *
 * No processor runs L2 by way of these tables during a call.
 */
#ifndef NESTING_EPT02_H
#define NESTING_EPT02_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/lib/page_table.h"
#include "l1vmm/vmx/ept.h"
#include "nesting/capability.h"
#include "nesting/ept12.h"

struct ept02_ops {
	struct ept12_ops l1;
	/*
	 * The page of ept01 around `gpa`, which is about to be accessed so; false: L1 has no memory
	 * there.
	 */
	bool (*page)(void *ctx, uint64_t gpa, uint64_t access, struct ept_page *page);
	/* Where the table at `hpa`, in the pool, can be accessed. */
	uint64_t *(*table)(void *ctx, uint64_t hpa);
	/* Forgets all that is cached by way of this EPT pointer: INVEPT, single-context. */
	void (*invalidate)(void *ctx, uint64_t eptp02);
	void *ctx;
};

#define EPT02_ROOTS	 8		      /* of ept12 that are composed at a time */
#define EPT02_POOL_LEAST (EPT02_ROOTS + 3)    /* each root, and the tables of one page */
#define EPT02_POOL_MOST	 (EPT02_ROOTS + 1016) /* tables */

struct ept02;

struct ept02_root {
	struct ept02 *all;
	struct page_table_memory memory;
	struct page_table table;
	uint64_t key;	 /* of the EPT pointer of ept12: EP4TA, and whether it enables flags */
	uint64_t last;	 /* when L2 was last entered with it; 0: never */
	uint16_t tables; /* the latest that was taken from the pool */
	bool composed;	 /* a page, since it was empty */
};

struct ept02 {
	struct ept02_ops ops;
	struct ept02_root roots[EPT02_ROOTS];
	struct ept02_root *current;
	uint64_t clock;
	uint64_t pool;			    /* hpa */
	uint16_t next[EPT02_POOL_MOST + 1]; /* of each table, counted from 1; 0: none */
	uint16_t free, free_count;
};

/* Prepares an empty ept02 with `tables` tables at `pool`, EPT02_POOL_LEAST to EPT02_POOL_MOST. */
void ept02_init(struct ept02 *e, const struct ept02_ops *ops, uint64_t pool, unsigned tables);

/* Makes current what is composed of the ept12 of this EPT pointer: the one for vmcs02. */
uint64_t ept02_use(struct ept02 *e, uint64_t eptp12);

/* INVEPT of L1's: of one EPT pointer, or of all. */
void ept02_invept(struct ept02 *e, uint64_t eptp12);
void ept02_invept_all(struct ept02 *e);

enum ept02_outcome {
	EPT02_RETRY,	 /* composed: let L2 go on */
	EPT02_VIOLATION, /* ept12 does not allow the access: exit 48 for L1 */
	EPT02_MISCONFIG, /* ept12 is malformed: exit 49 for L1 */
	EPT02_NO_MEMORY, /* ept12 leads to an address where L1 has no memory: `gpa` */
	EPT02_DENIED,	 /* ept01 does not allow the access to `gpa` */
};

struct ept02_result {
	enum ept02_outcome outcome;
	uint64_t gpa;	  /* in L1's physical memory */
	uint64_t granted; /* rights that ept12 grants */
	unsigned writes;  /* entries of ept02 written */
};

/* An EPT violation of L2 at `l2_gpa`, wanting the rights `access`, by way of the current ept02. */
struct ept02_result ept02_fault(struct ept02 *e, const struct vmx_capabilities *offered,
				uint64_t l2_gpa, uint64_t access);

#endif
