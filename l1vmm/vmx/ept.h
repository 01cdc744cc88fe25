/*
 * EPT (SDM volume 3, 29.3): a guest's physical memory, one piece of host memory mapped at gpa 0 as
 * it is touched.  Plain C over lib/page_table.
 *
 * Whatever takes something away invalidates by itself, once a call, and only if the processor may
 * have cached what is gone (SDM volume 3, 29.4.3.4).  No processor may run the guest meanwhile: it
 * would set accessed and dirty flags.
 */
#ifndef L1VMM_VMX_EPT_H
#define L1VMM_VMX_EPT_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/lib/page_table.h"

/* Rights, as in an entry and in the exit qualification of a violation. */
#define EPT_READ    (UINT64_C(1) << 0)
#define EPT_WRITE   (UINT64_C(1) << 1)
#define EPT_EXECUTE (UINT64_C(1) << 2)
#define EPT_RWX	    (EPT_READ | EPT_WRITE | EPT_EXECUTE)

/* What the processor sets where the EPT pointer asks for it. */
#define EPT_ACCESSED (UINT64_C(1) << 8)
#define EPT_DIRTY    (UINT64_C(1) << 9) /* in the entry of a page */

/* Memory types, bits 5:3 of a leaf: SDM volume 3, 29.3.7. */
enum ept_memory_type {
	EPT_UC = 0,
	EPT_WC = 1,
	EPT_WT = 4,
	EPT_WP = 5,
	EPT_WB = 6,
};

struct ept_config {
	uint64_t base;	     /* hpa of the guest's memory */
	uint64_t size;	     /* bytes, from gpa 0; both are multiples of 2 MB */
	uint64_t page_size;  /* the largest page to map: 4 KB, 2 MB or 1 GB */
	uint64_t rights;     /* of a page that is touched: EPT_READ at least */
	uint64_t on_demand;  /* more rights, each given with the first access that asks for it */
	bool accessed_dirty; /* the processor sets EPT_ACCESSED and EPT_DIRTY */
	/*
	 * Makes all processors forget what they have cached by way of this EPT: guest-physical
	 * and combined mappings (INVEPT, single-context).
	 */
	void (*invalidate)(void *ctx);
	void *ctx;
};

struct ept {
	struct page_table table;
	struct ept_config config;
	uint64_t write_grants; /* how often a page that was mapped got EPT_WRITE on demand */
};

/* Prepares an empty EPT.  False where `memory` has no page for the root. */
bool ept_init(struct ept *ept, const struct page_table_memory *memory,
	      const struct ept_config *config);

/* The EPT pointer for the VMCS: four levels, write-back tables (SDM volume 3, 25.6.11). */
uint64_t ept_pointer(const struct ept *ept);

enum ept_result {
	EPT_DONE,
	EPT_NOT_MEMORY, /* no memory at this gpa: a device's, or nobody's */
	EPT_BAD_RANGE,	/* the range reaches beyond memory, or is not made of whole pages */
	EPT_NO_TABLES,	/* no page for a table is left */
	EPT_DENIED,	/* the page does not grant the access, and is not to */
};

/*
 * The guest has accessed gpa with `access`, a set of rights, and met an EPT violation.  Maps the
 * page around it write-back, as large as it can be, or gives it the rights that it grants on
 * demand.  Nothing is invalidated: the violation itself has (SDM volume 3, 29.4.3.1).
 */
enum ept_result ept_access(struct ept *ept, uint64_t gpa, uint64_t access);

/*
 * A page of the hypervisor's, of 4 KB at hpa, for the guest to read and write at gpa, outside of
 * its memory; false where a table is missing.  And the end of that; the caller invalidates.
 */
bool ept_lend(struct ept *ept, uint64_t gpa, uint64_t hpa);
void ept_take_back(struct ept *ept, uint64_t gpa);

/* A page that is mapped. */
struct ept_page {
	uint64_t hpa;  /* where it begins */
	uint64_t size; /* 4 KB, 2 MB or 1 GB, of which the addresses of both kinds are multiples */
	uint64_t rights; /* that it grants now; writing not before its dirty flag is set */
	enum ept_memory_type type;
};

/* The page around gpa, of which ept_access() has said that it is memory. */
struct ept_page ept_page(struct ept *ept, uint64_t gpa);

/* The hypervisor has stored to memory for the guest: to be found as what the guest itself stores.
 */
void ept_written(struct ept *ept, uint64_t gpa, uint64_t size);

/*
 * The following work on `size` bytes of memory at `gpa`, both multiples of 4 KB, and split larger
 * pages that reach beyond.  EPT_BAD_RANGE leaves everything as it was, EPT_NO_TABLES has done a
 * part.
 */

/*
 * Leaves the range these rights, EPT_READ at least, and lets it have those of `on_demand` when they
 * are asked for.  Also maps what nobody has touched.
 */
enum ept_result ept_protect(struct ept *ept, uint64_t gpa, uint64_t size, uint64_t rights,
			    uint64_t on_demand);

/*
 * Has the next store to the page at `gpa` counted, in write_grants.  False where pages are writable
 * on demand anyway, or as ept_protect() fails.
 */
bool ept_watch(struct ept *ept, uint64_t gpa);

/* Gives the range a memory type.  Also maps what nobody has touched. */
enum ept_result ept_set_type(struct ept *ept, uint64_t gpa, uint64_t size,
			     enum ept_memory_type type);

/* Unmaps the range, until it is touched again. */
enum ept_result ept_unmap(struct ept *ept, uint64_t gpa, uint64_t size);

/* What ept_collect() finds: a page, with those of the bits asked for that were set. */
typedef void ept_visit_fn(void *ctx, uint64_t gpa, uint64_t size, uint64_t bits);

/*
 * Visits each page that lies in the range or reaches into it and has any of `bits` set, and clears
 * them: EPT_ACCESSED, EPT_DIRTY, or rights, which the page must grant on demand.  What the guest
 * does behind this call sets them again.  What a page holds is to be read behind it too, not by
 * `visit`.
 */
enum ept_result ept_collect(struct ept *ept, uint64_t gpa, uint64_t size, uint64_t bits,
			    ept_visit_fn *visit, void *ctx);

/* As ept_collect(), but leaves the bits as they are. */
enum ept_result ept_visit(struct ept *ept, uint64_t gpa, uint64_t size, uint64_t bits,
			  ept_visit_fn *visit, void *ctx);

#endif
