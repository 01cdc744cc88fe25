/*
 * A guest's memory, and the processor that runs it on shadow tables: with a TLB and
 * paging-structure caches that take in whatever could be walked at any moment, and keep it until
 * they are told to drop it.  Beside it, what a processor could have cached that walks the guest's
 * own tables: what the shadow MMU must not exceed, after each single store.
 */
#ifndef TESTS_UNIT_MMU_RIG_H
#define TESTS_UNIT_MMU_RIG_H

#include <criterion/criterion.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "shadow/mmu.h"
#include "tests/unit/adversarial_tlb.h"
#include "tests/unit/mmu_cache.h"
#include "tests/unit/random.h"

#define RIG_FRAMES 24 /* of guest memory */
#define RIG_SIZE   (RIG_FRAMES * 4096UL)
/*
 * 2 MB more, which the host may have in one piece.  The first frames can be tables; the others are
 * empty and stay so.
 */
#define RIG_LARGE	 0x40000000UL
#define RIG_LARGE_SIZE	 0x200000UL
#define RIG_LARGE_FRAMES 4
#define RIG_BYTES	 (RIG_SIZE + RIG_LARGE_FRAMES * 4096UL)
#define RIG_ADDRESSES	 32
#define RIG_POOL_MAX	 64
#define RIG_VPID	 1 /* of the guest */

/* Exchanged entries of one access. */
struct rig_marks {
	unsigned count;
	struct {
		uint64_t gpa, value;
	} mark[16];
};

struct rig_memory {
	uint8_t bytes[RIG_BYTES];
	struct rig_marks marks;
	unsigned reads;
	/* Another vCPU: called before each exchange.  NULL for none. */
	void (*interfere)(void *ctx);
	void *ctx;
	bool between_reads; /* called before each read too */
};

/* What the MMU flushes. */
enum rig_flush {
	RIG_FLUSH_PAGE,
	RIG_FLUSH_LOAD,	 /* all, as the guest loads its state, or its hypervisor another */
	RIG_FLUSH_TABLE, /* all, as a table goes or must not be written any more */
	RIG_FLUSHES,
};

struct mmu_rig {
	struct mmu mmu;
	struct paging_state state;
	uint64_t root;
	uint64_t pool[RIG_POOL_MAX][512];
	/* The guest's memory, and its twin, in which a processor without a hypervisor walks. */
	struct rig_memory memory, twin;
	uint64_t address[RIG_ADDRESSES];
	struct adversarial_tlb tlb; /* one line for each address */
	struct mmu_cache lawful[RIG_ADDRESSES];
	bool pieces;  /* the host has memory in pieces of 4 KB only */
	bool dropped; /* something of cached, since it was last extended */
	/* Called for what the MMU invalidates, a page or, where `all`, everything.  NULL for none.
	 */
	void (*flushed)(void *ctx, bool all, uint64_t gva);
	void *flushed_ctx;
	bool loading;
	unsigned flushes[RIG_FLUSHES];
	bool left_out[RIG_FLUSHES]; /* those of the kind do nothing */
	jmp_buf *caught; /* where to go when something stale is served; NULL: the test fails */
	void *workspace;
	uint64_t exits, emulations;
	/* Of each frame below RIG_SIZE: what guarded_stores will be after a store; 0: any number.
	 */
	uint64_t guard[RIG_FRAMES];
};

/* What must hold as long as no flush is left out. */
#define rig_expect(rig, holds, ...)                         \
	do {                                                \
		if (!(holds)) {                             \
			if ((rig)->caught)                  \
				longjmp(*(rig)->caught, 1); \
			cr_assert_fail(__VA_ARGS__);        \
		}                                           \
	} while (0)

/* Access i of the eight that differ: PF_ bits, and whether RFLAGS.AC is set. */
#define RIG_ACCESSES 8
uint32_t rig_access_bits(unsigned i);

/* state and address[] are set; the memory is as it is. */
void rig_start(struct mmu_rig *rig, enum mmu_policy policy, uint32_t pool_pages);
void rig_stop(struct mmu_rig *rig);

bool rig_is_memory(uint64_t gpa);
/* Where gpa is in the bytes of a memory; RIG_BYTES for no memory, and for what is empty. */
uint64_t rig_offset(uint64_t gpa);
uint64_t rig_get(const struct mmu_rig *rig, uint64_t gpa, unsigned size);
/* The guest writes, by a mapping that allows it or by an emulated instruction. */
void rig_write(struct mmu_rig *rig, uint64_t gpa, unsigned size, uint64_t value);
/* Writes without a word to the MMU, as another vCPU would. */
void rig_poke(struct mmu_rig *rig, uint64_t gpa, unsigned size, uint64_t value);
/* Asks for the next of these, which must be counted. */
void rig_guard(struct mmu_rig *rig, uint64_t gpa);
/* The guest loads rig->state. */
void rig_load(struct mmu_rig *rig);
void rig_flush(struct mmu_rig *rig);
void rig_invlpg(struct mmu_rig *rig, uint64_t gva);

/*
 * The guest accesses address[n].  random chooses among what the processor may have cached; a write
 * writes value, of an entry's size, at this offset of the page.  The outcome is held against a walk
 * of the twin.
 */
enum mmu_outcome rig_access(struct mmu_rig *rig, unsigned n, unsigned access, struct random *random,
			    unsigned offset, uint64_t value);

/* Everything that must hold between two steps. */
void rig_check(struct mmu_rig *rig);
/* Whether a cache is about to be full: time to flush. */
bool rig_crowded(const struct mmu_rig *rig);

#endif
