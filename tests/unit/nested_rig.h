/*
 * A guest hypervisor without a machine: memory of its own, and a vmcs02 that remembers what was
 * written to it.
 */
#ifndef TESTS_UNIT_NESTED_RIG_H
#define TESTS_UNIT_NESTED_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "nesting/vmcs02.h"
#include "nesting/vmx.h"

#define RIG_PAGES      16
#define RIG_PAGE(n)    ((uint64_t)(n) << 12)
#define RIG_OUTSIDE    RIG_PAGE(RIG_PAGES + 4) /* valid, and no memory */
#define RIG_LENT       UINT64_C(0x40000000)    /* hpa of L1's memory */
#define RIG_WIDTH      40
#define RIG_BEYOND     (UINT64_C(1) << RIG_WIDTH)
#define RIG_NOT_ABSENT UINT64_C(0x5555)

#define RIG_STORES 64

struct rig_store {
	uint64_t gpa, size;
};

struct nested_rig {
	struct nested nested;
	struct vmcs12 copy[NESTED_VMCSS];
	struct vmcs12 memory[RIG_PAGES];    /* of L1, in pages */
	struct vmcs12 vmcs02[NESTED_VMCSS]; /* by slots */
	bool written[VMCS12_SLOTS];
	unsigned invepts, invvpids, vmcs02_reads;
	enum invvpid_type invvpid_type;
	uint64_t invvpid, invvpid_address; /* of the last one */
	uint64_t invept;		   /* the EPT pointer of the last one */
	uint64_t watched;		   /* a bit for each page */
	bool unwatchable;
	unsigned stores;		     /* of L0's to L1's memory */
	struct rig_store stored[RIG_STORES]; /* the last of them */
};

/* A processor that has every feature. */
struct vmx_capabilities nested_rig_hardware(void);

/* L1 outside VMX operation; every page is a region with the right revision. */
void nested_rig_init(struct nested_rig *rig);

/* L1 in VMX operation (page 1), with page 2 as its current VMCS. */
void nested_rig_start(struct nested_rig *rig);

struct vmcs_ops nested_rig_vmcs02(struct nested_rig *rig);

#endif
