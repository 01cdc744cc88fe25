/*
 * A TLB, with paging-structure caches, of a processor in VMX operation that keeps all that it has
 * ever walked until the architecture says that it must go (SDM volume 3, 29.4), and that lets go of
 * nothing else.
 */
#ifndef TESTS_UNIT_ADVERSARIAL_TLB_H
#define TESTS_UNIT_ADVERSARIAL_TLB_H

#include <stdbool.h>
#include <stdint.h>

#include "nesting/vpid12.h"
#include "tests/unit/mmu_cache.h"

/* SDM volume 3, 29.4.1: what a mapping translates, and which of the tags it has. */
enum tlb_kind {
	TLB_LINEAR,	    /* VPID */
	TLB_GUEST_PHYSICAL, /* EP4TA */
	TLB_COMBINED,	    /* both */
};

/* What is cached for one address in one context. */
struct tlb_line {
	enum tlb_kind kind;
	uint16_t vpid;	  /* 0 where the kind has none */
	uint64_t ep4ta;	  /* likewise */
	uint64_t address; /* linear or guest-physical, anywhere in its page */
	struct mmu_cache cache;
};

#define TLB_LINES 256

struct adversarial_tlb {
	struct tlb_line lines[TLB_LINES];
	unsigned count;
};

/* Bits of cached_page.rights that this TLB knows: what INVVPID type 3 spares. */
#define TLB_GLOBAL (UINT64_C(1) << 8)

void tlb_reset(struct adversarial_tlb *tlb);

/* The line for an address, empty if there was none.  Only the tags that the kind has count. */
struct tlb_line *tlb_line(struct adversarial_tlb *tlb, enum tlb_kind kind, uint16_t vpid,
			  uint64_t eptp, uint64_t address);

/* Types of INVEPT: SDM volume 3, chapter 31. */
enum { INVEPT_CONTEXT = 1, INVEPT_ALL };

/* The instructions; type is their operand.  eptp is an EPT pointer, of which EP4TA is a part. */
void tlb_invvpid(struct adversarial_tlb *tlb, enum invvpid_type type, uint16_t vpid, uint64_t gva);
void tlb_invept(struct adversarial_tlb *tlb, unsigned type, uint64_t eptp);

/* INVLPG by software that runs under this VPID. */
void tlb_invlpg(struct adversarial_tlb *tlb, uint16_t vpid, uint64_t gva);

/*
 * MOV to CR3 by such software, which leaves global pages, or a change of CR4.PGE, which leaves
 * none.
 */
void tlb_load_cr3(struct adversarial_tlb *tlb, uint16_t vpid);
void tlb_change_pge(struct adversarial_tlb *tlb, uint16_t vpid);

/* A VM entry or VM exit.  With VPIDs it forgets nothing, without all that is tagged with 0. */
void tlb_transition(struct adversarial_tlb *tlb, bool vpid_enabled);

/* An EPT violation: of an access to gva, which translates to gpa. */
void tlb_ept_violation(struct adversarial_tlb *tlb, uint16_t vpid, uint64_t eptp, uint64_t gpa,
		       uint64_t gva);

#endif
