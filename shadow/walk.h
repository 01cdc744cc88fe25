/*
 * Walker of a guest's page tables: translates a guest-virtual address as the processor would, with
 * the faults, error codes and accessed and dirty bits of SDM volume 3, chapter 4.
 *
 * It knows no paging, 32-bit, PAE and 4-level paging.  5-level paging and protection keys are not
 * offered to guests, so CR4.LA57, CR4.PKE and CR4.PKS are taken to be clear.
 */
#ifndef SHADOW_WALK_H
#define SHADOW_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/arch/x86.h"

/*
 * How the walker reaches guest-physical memory.  Sizes are 4 or 8 bytes and addresses are aligned
 * to them; each access must be atomic, for other vCPUs may edit the same tables.
 */
struct walk_memory {
	/* Read an entry; false if no memory is at gpa. */
	bool (*read)(void *ctx, uint64_t gpa, unsigned size, uint64_t *value);
	/*
	 * Replace an entry if it still is as expected; false if not.  NULL leaves accessed and
	 * dirty bits alone, for a look that the guest must not notice.
	 */
	bool (*exchange)(void *ctx, uint64_t gpa, unsigned size, uint64_t expected,
			 uint64_t desired);
	void *ctx;
};

/* What of a vCPU's state decides on a translation. */
struct paging_state {
	uint64_t cr0;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t efer;
	uint64_t rflags;   /* AC decides under SMAP: pass it clear for an implicit access */
	uint64_t pdpte[4]; /* PAE paging walks from these registers, not from CR3 */
	uint8_t maxphyaddr;
	bool pages_1g;
};

enum paging_mode {
	PAGING_NONE,
	PAGING_32BIT,
	PAGING_PAE,
	PAGING_4LEVEL,
};

enum walk_status {
	WALK_OK,
	WALK_FAULT,	     /* #PF with error_code */
	WALK_NOT_CANONICAL,  /* #GP or #SS: the address has no translation at all */
	WALK_OUTSIDE_MEMORY, /* gpa is that of an entry that could not be read */
	WALK_CONTENDED,	     /* an entry kept changing: let the guest repeat its access */
};

struct walk_result {
	uint64_t gpa;
	uint64_t page_size; /* in bytes, of the guest page that holds gva */
	/* As an entry would say it: PTE_RW, PTE_US and PTE_NX over all levels, PTE_G of the last.
	 */
	uint64_t rights;
	uint64_t entry;	     /* the last one, with A and D as they are now; 0 without paging */
	uint32_t error_code; /* PF_ bits, after WALK_FAULT */
};

/* The mode that CR0.PG, CR4.PAE and EFER.LMA select: SDM volume 3, 4.1.1. */
static inline enum paging_mode paging_mode(const struct paging_state *state)
{
	if (!(state->cr0 & CR0_PG))
		return PAGING_NONE;
	if (state->efer & EFER_LMA)
		return PAGING_4LEVEL;
	return state->cr4 & CR4_PAE ? PAGING_PAE : PAGING_32BIT;
}

/*
 * RFLAGS as it counted for the access behind a #PF with error_code.  Nothing but SMAP refuses a
 * supervisor's read of a page that is there; where AC was set, the access was one of the
 * processor's own, to a descriptor say, for which AC does not count (SDM volume 3, 4.6.1).
 */
static inline uint64_t walk_rflags(uint32_t error_code, uint64_t rflags)
{
	bool refused_read = (error_code & (PF_P | PF_W | PF_U | PF_I)) == PF_P;

	return refused_read ? rflags & ~(uint64_t)RFLAGS_AC : rflags;
}

/*
 * Translate gva for an access that is a read, or what PF_W (write), PF_U (by user mode) and PF_I
 * (instruction fetch) make it.  Outside 4-level paging only the low 32 bits of gva count.
 *
 * Accessed and dirty bits are set only by an access that succeeds.  *out is valid after WALK_OK,
 * and as far as the statuses above say after the others.
 */
enum walk_status walk(const struct walk_memory *memory, const struct paging_state *state,
		      uint64_t gva, uint32_t access, struct walk_result *out);

/*
 * The same for a guest that pages, from its table of level 1 for gva on: the table is at `table`,
 * and entries that are all accessed and have no reserved bits set lead there with `rights` (PTE_RW,
 * PTE_US and PTE_NX).
 */
enum walk_status walk_last_level(const struct walk_memory *memory, const struct paging_state *state,
				 uint64_t table, uint64_t rights, uint64_t gva, uint32_t access,
				 struct walk_result *out);

#endif
