/*
 * L2's APIC, as far as the processor virtualizes it for L1 (SDM volume 3, chapter 30): the pages of
 * L1's that it works on, what of an x2APIC is there, and posted interrupts.
 */
#ifndef NESTING_VIRTUAL_APIC_H
#define NESTING_VIRTUAL_APIC_H

#include <stdbool.h>
#include <stdint.h>

#include "nesting/vmcs02.h"
#include "nesting/vmx.h"

/* The MSRs of an x2APIC in an MSR bitmap, in quadwords. */
#define X2APIC_WORDS  4u
#define X2APIC_READS  (0x800u / 64)
#define X2APIC_WRITES (X2APIC_READS + 2048 / 8)

/* A descriptor of posted interrupts: SDM volume 3, table 30-1. */
struct __attribute__((aligned(64))) posted_descriptor {
	uint64_t requests[4]; /* a bit a vector */
	uint64_t control;     /* POSTED_OUTSTANDING; the rest is software's */
	uint64_t software[3];
};

#define POSTED_OUTSTANDING UINT64_C(1)

/* Of which MSRs of word `word`, of X2APIC_WORDS, the processor finds L2's in the page: 30.5. */
uint64_t virtual_apic_msrs(uint32_t secondary, unsigned word, bool write);

/* Whether L1 has written a field since its last entry that says which pages these are. */
static inline bool virtual_apic_changed(const struct nested *n)
{
	return nested_holds(n, vmcs12_slot(VMCS_VIRTUAL_APIC_PAGE_ADDR)) ||
	       nested_holds(n, vmcs12_slot(VMCS_APIC_ACCESS_ADDR)) ||
	       nested_holds(n, vmcs12_slot(VMCS_PRIMARY_CONTROLS)) ||
	       nested_holds(n, vmcs12_slot(VMCS_SECONDARY_CONTROLS));
}

/*
 * Finds the pages in L0's addresses, for vmcs02.
 * @pre vmcs12 has passed the checks of VM entry
 */
void virtual_apic_choose(const struct nested *n, struct vmcs02_base *base);

/* Whether an access of L2's to `gpa` of L1's is one to the APIC-access page. */
static inline bool virtual_apic_is_accessed(const struct nested *n, uint64_t gpa)
{
	return (vmcs12_secondary(n->vmcs12) & CONTROL_SECONDARY_VIRTUALIZE_APIC_ACCESSES) &&
	       !((gpa ^ vmcs12_get(n->vmcs12, VMCS_APIC_ACCESS_ADDR)) & ~UINT64_C(0xfff));
}

/* Exit qualification of such an access: SDM volume 3, table 28-6. */
enum apic_access {
	APIC_ACCESS_READ,
	APIC_ACCESS_WRITE,
	APIC_ACCESS_IN_DELIVERY = 3, /* of an event */
	APIC_ACCESS_GUEST_PHYSICAL = 15,
};

static inline uint64_t virtual_apic_qualification(enum apic_access type, uint64_t address)
{
	return (uint64_t)type << 12 | (address & 0xfff);
}

/* Whether an interrupt of L1's at `vector` is none to it, but tells L2 of posted ones. */
static inline bool virtual_apic_is_notified(const struct nested *n, uint8_t vector)
{
	return (vmcs12_get(n->vmcs12, VMCS_PIN_BASED_CONTROLS) & CONTROL_PIN_POSTED_INTERRUPTS) &&
	       vmcs12_get(n->vmcs12, VMCS_POSTED_INTR_NV) == vector;
}

/*
 * Such an interrupt has been taken and ended: what is posted is now requested of L2 (30.6, steps 3
 * to 6).  Takes L2's guest interrupt status, and returns it as it is then.
 */
uint16_t virtual_apic_take_posted(const struct nested *n, uint16_t status);

/*
 * Whether L2 has a virtual interrupt pending (30.2.1), so that only its RFLAGS.IF holds it back.
 * @pre L1 has it delivered by the processor
 */
bool virtual_apic_is_pending(const struct nested *n, uint16_t status);

#endif
