/*
 * Shadow MMU: the page tables that the processor walks for a guest without EPT, built from the
 * guest's own as it touches memory.  Plain C: memory and invalidation come from the caller.
 *
 * One struct mmu serves one vCPU.  Shadow tables have the format of 4-level paging for a guest in
 * 4-level paging, else that of PAE paging, since a guest outside IA-32e mode cannot run on 4-level
 * tables (SDM volume 3, 27.3.1.1).  Pages are mapped as write-back, in pieces of 2 MB where guest
 * and host have that much in one piece and no table lies in it, else of 4 KB.
 *
 * The processor must run the guest with
 *   CR0.PG and CR0.WP set, CR4.PAE and EFER.NXE set, CR4.PGE, PCIDE, PKE and LA57 clear, CR3 the
 *   root of mmu_load(), and CR4.SMEP and CR4.SMAP as the guest has them, or clear where it does not
 *   page;
 * and exit on #PF, INVLPG and each move to a control register.
 *
 * A guest's translation is at most as stale as SDM volume 3, 4.10.4 allows; stores of the
 * hypervisor itself to memory that mmu_watches() must be reported by mmu_written().
 */
#ifndef SHADOW_MMU_H
#define SHADOW_MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shadow/walk.h"

/* What happens when the guest writes to a page table that is shadowed. */
enum mmu_policy {
	/* Each write is emulated and reported by mmu_written(). */
	MMU_TRAP,
	/* Tables of the lowest level may be written, and are compared when the guest invalidates.
	 */
	MMU_UNSYNC,
	/*
	 * All tables may be written.  The guest reports each store to an entry, by mmu_written(),
	 * and each root that is a root no more, by mmu_forget(); it sees old translations until it
	 * has done so.
	 */
	MMU_PV,
};

/* How the MMU reaches the world. */
struct mmu_ops {
	struct walk_memory memory; /* the guest's tables; with its own ctx */
	/* The host frame behind the page at gpa, both multiples of 4 KB; false: no memory there. */
	bool (*frame)(void *ctx, uint64_t gpa, uint64_t *hpa);
	/*
	 * The same for 2 MB, of which both addresses are multiples; false where the host has that
	 * memory in pieces.  NULL: nothing is mapped in pieces of more than 4 KB.
	 */
	bool (*large_frame)(void *ctx, uint64_t gpa, uint64_t *hpa);
	/* Where the pool's pages, with 512 entries each, can be accessed. */
	uint64_t (*tables)[512];
	/* Store an entry of a shadow table, in one piece.  NULL: a plain store. */
	void (*store)(void *ctx, uint64_t *entry, uint64_t value);
	/* Drop what the processor has cached for gva, paging-structure caches included. */
	void (*flush_page)(void *ctx, uint64_t gva);
	/* Drop everything that the processor has cached for this vCPU. */
	void (*flush_all)(void *ctx);
	void *ctx;
};

struct mmu_statistics {
	uint64_t reclaimed;    /* taken away because the pool was empty */
	uint64_t synchronized; /* tables compared with the guest's */
	uint64_t stores;       /* entries of shadow tables written */
	uint64_t flushes;      /* calls of flush_all */
};

/* Place in a list; previous of the first entry is the last one. */
struct mmu_link {
	uint32_t next, previous;
};

struct mmu_page;

struct mmu {
	enum mmu_policy policy;
	struct mmu_ops ops;
	struct paging_state state;
	uint64_t pool; /* hpa */
	uint32_t pool_pages;
	uint32_t root;		 /* page in use */
	uint32_t free_pages;	 /* how many */
	uint64_t uses;		 /* of pages so far, by which their ages count */
	uint32_t open_tables;	 /* pages above the lowest level that the guest may write */
	uint32_t guards;	 /* pages that stand for mmu_guard() */
	uint64_t guarded_stores; /* what mmu_guard() has counted */
	/* A link between tables is gone that the processor may still have cached. */
	bool stale;
	/* An entry that let the guest write is gone that the processor may still have cached. */
	bool lingering;
	struct mmu_page *pages;
	struct mmu_link *slots;	  /* of each entry of each page: who points to the same thing */
	struct mmu_link *chains;  /* of pages: free, or with the same hash of their gpa */
	struct mmu_link *unsyncs; /* of pages that the guest may write */
	struct mmu_link *orphans; /* of pages that may have lost their last parent */
	uint32_t *page_heads;	  /* of chains, by hash */
	uint32_t *frame_heads;	  /* of slots that map memory, by hash of its hpa */
	uint32_t page_mask, frame_mask;
	uint32_t free, unsync, orphan; /* heads */
	struct mmu_statistics statistics;
};

#define MMU_POOL_MIN 8
#define MMU_POOL_MAX (1U << 20)

/* Bytes of workspace that a pool of `pool_pages` needs. */
size_t mmu_workspace_size(uint32_t pool_pages);

/*
 * Set up with an empty pool of `pool_pages` (MMU_POOL_MIN to MMU_POOL_MAX) pages of host memory at
 * `pool` (hpa, a multiple of 4 KB, below 4 GB, where PAE paging can have its root), which are
 * cleared.  `workspace` is aligned to 8 bytes.  False where pool or its size is none of these.
 * mmu_load() must follow.
 */
bool mmu_init(struct mmu *mmu, enum mmu_policy policy, const struct mmu_ops *ops, uint64_t pool,
	      uint32_t pool_pages, void *workspace);

/*
 * The guest has loaded CR3, or changed CR0, CR4 or EFER, and has this state now: returns the hpa of
 * the root to run it with.  Everything cached is flushed.  state->rflags does not count.
 */
uint64_t mmu_load(struct mmu *mmu, const struct paging_state *state);

/* The same where the guest has loaded CR3 and nothing else, and with PAE paging these PDPTEs. */
uint64_t mmu_load_cr3(struct mmu *mmu, uint64_t cr3, const uint64_t pdpte[4]);

enum mmu_outcome {
	MMU_RETRY,	 /* let the guest repeat the instruction */
	MMU_GUEST_FAULT, /* inject #PF with error_code; CR2 is the gva */
	/*
	 * A write to gpa, which lies in a shadowed table: emulate the instruction, then
	 * mmu_written(); or mmu_unprotect() and let the guest repeat it.
	 */
	MMU_EMULATE,
	/*
	 * A supervisor's write to gpa in a read-only user page, with CR0.WP clear and CR4.SMAP set:
	 * no mapping can allow it.  Emulate the instruction, then mmu_written().
	 */
	MMU_EMULATE_ONLY,
	MMU_DEVICE,	 /* no memory at gpa: emulate the instruction */
	MMU_UNREACHABLE, /* the guest's tables are outside its memory: the entry would be at gpa */
};

struct mmu_result {
	enum mmu_outcome outcome;
	uint32_t error_code; /* after MMU_GUEST_FAULT */
	uint64_t gpa;	     /* after the outcomes that tell so */
};

/*
 * The processor faulted at gva (canonical) with error_code, when RFLAGS was rflags.
 */
struct mmu_result mmu_fault(struct mmu *mmu, uint64_t gva, uint32_t error_code, uint64_t rflags);

/* Whether stores to the page around gpa must be reported. */
bool mmu_watches(const struct mmu *mmu, uint64_t gpa);

/* `size` bytes at gpa have been written: by an emulated instruction, a device, or as MMU_PV asks.
 */
void mmu_written(struct mmu *mmu, uint64_t gpa, uint64_t size);

/*
 * Let the guest write the table at gpa until it invalidates, since an instruction that does so
 * cannot be emulated; or let others do so who make no report.
 */
void mmu_unprotect(struct mmu *mmu, uint64_t gpa);

/*
 * Has the next store to the page at gpa counted in guarded_stores, which may also count where there
 * was none.  A page of the pool serves as long; false with MMU_PV, and where no memory is at gpa.
 */
bool mmu_guard(struct mmu *mmu, uint64_t gpa);

/* The page at gpa is no table any more. */
void mmu_forget(struct mmu *mmu, uint64_t gpa);

/* The guest executed INVLPG. */
void mmu_invlpg(struct mmu *mmu, uint64_t gva);

#endif
