/*
 * ept02: from L2's physical addresses to the machine's, composed page by page of ept12, which L1
 * keeps in its memory, and of where L0 has put that memory.
 */
#ifndef NESTING_EPT02_H
#define NESTING_EPT02_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/lib/page_table.h"
#include "nesting/capability.h"

struct ept02_ops {
	/* Where `size` bytes of L1's memory at `gpa` can be accessed; NULL: they are no memory. */
	void *(*memory)(void *ctx, uint64_t gpa, uint64_t size);
	/* The machine's address of the page of L1's memory at `gpa`; false: it is no memory. */
	bool (*frame)(void *ctx, uint64_t gpa, uint64_t *hpa);
	/* Where the table at `hpa`, in the pool, can be accessed. */
	uint64_t *(*table)(void *ctx, uint64_t hpa);
	void *ctx;
};

struct ept02 {
	struct ept02_ops ops;
	struct page_table_memory memory;
	struct page_table table;
	uint64_t pool; /* hpa */
	uint64_t pool_pages, pool_used;
	uint64_t root12; /* the ept12 that was composed; 0: none */
};

/* Prepares an empty ept02 of at most `pages` tables at `pool`. */
void ept02_init(struct ept02 *e, const struct ept02_ops *ops, uint64_t pool, uint64_t pages);

/* The EPT pointer of vmcs02. */
uint64_t ept02_pointer(const struct ept02 *e);

/* Forgets what was composed.  The caller invalidates. */
void ept02_flush(struct ept02 *e);

/* Takes note that L2 is entered with `eptp12`; true where what was composed is of another one. */
bool ept02_switch(struct ept02 *e, uint64_t eptp12);

enum ept02_outcome {
	EPT02_RETRY,	 /* composed: let L2 go on */
	EPT02_FLUSHED,	 /* the same, and the pool was used up: the caller invalidates, too */
	EPT02_VIOLATION, /* ept12 does not allow the access: exit 48 for L1 */
	EPT02_MISCONFIG, /* ept12 is malformed: exit 49 for L1 */
	EPT02_NO_MEMORY, /* ept12 leads to an address where L1 has no memory: `gpa` */
};

struct ept02_result {
	enum ept02_outcome outcome;
	uint64_t gpa;	 /* in L1's physical memory */
	uint64_t rights; /* EPT_READ and so on that ept12 gives, of all levels */
};

/*
 * An EPT violation of L2 at `l2_gpa`, wanting the rights `access`, while L1 has it run on `eptp12`.
 */
struct ept02_result ept02_fault(struct ept02 *e, const struct vmx_capabilities *offered,
				uint64_t eptp12, uint64_t l2_gpa, uint64_t access);

#endif
