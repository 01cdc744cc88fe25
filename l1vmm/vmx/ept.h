/*
 * EPT (SDM volume 3, 29.3): a guest's physical memory, one piece of host memory mapped at gpa 0 as
 * it is touched.  Plain C over lib/page_table.
 */
#ifndef L1VMM_VMX_EPT_H
#define L1VMM_VMX_EPT_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/lib/page_table.h"

#define EPT_READ    (UINT64_C(1) << 0)
#define EPT_WRITE   (UINT64_C(1) << 1)
#define EPT_EXECUTE (UINT64_C(1) << 2)
#define EPT_RWX	    (EPT_READ | EPT_WRITE | EPT_EXECUTE)

/* Memory types, bits 5:3 of a leaf: SDM volume 3, 29.3.7. */
enum ept_memory_type {
	EPT_UC = 0,
	EPT_WC = 1,
	EPT_WT = 4,
	EPT_WP = 5,
	EPT_WB = 6,
};

struct ept {
	struct page_table table;
	uint64_t memory_base; /* hpa of the guest's memory */
	uint64_t memory_size; /* bytes, from gpa 0 */
	uint64_t page_size;   /* the largest page to map, 4 KB or 2 MB */
};

/*
 * Prepares an empty EPT for `size` bytes of memory at `base`, both multiples of 2 MB, mapped in
 * pages of up to `page_size` bytes.  False where `memory` has no page for the root.
 */
bool ept_init(struct ept *ept, const struct page_table_memory *memory, uint64_t base, uint64_t size,
	      uint64_t page_size);

/* The EPT pointer for the VMCS: four levels, write-back tables (SDM volume 3, 25.6.11). */
uint64_t ept_pointer(const struct ept *ept);

enum ept_result {
	EPT_MAPPED,
	EPT_NOT_MEMORY, /* no memory at this gpa: a device's, or nobody's */
	EPT_NO_TABLES,	/* no page for a table is left */
};

/* Maps the page around `gpa`, write-back, with all rights.  An entry that was not present needs no
 * invalidation (SDM volume 3, 29.4.3.1). */
enum ept_result ept_map(struct ept *ept, uint64_t gpa);

#endif
