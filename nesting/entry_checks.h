/*
 * The checks that VM entry makes on vmcs12 (SDM volume 3, 27.2 to 27.4): entry_checks.def says what
 * they are.  Plain C: memory and MSRs come from the caller.
 *
 * Most entries come soon after one that succeeded, with a field or two changed.  So a check is made
 * only if something that it reads has changed since the last entry that passed: the caller collects
 * entry_changed() of each write, and starts with ENTRY_CHANGED_ALL.  What the processor itself
 * stored at an exit needs no check.
 */
#ifndef NESTING_ENTRY_CHECKS_H
#define NESTING_ENTRY_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "l1vmm/arch/x86.h"
#include "nesting/capability.h"
#include "nesting/vmcs12.h"

enum entry_check {
#define CHECK(NAME, section, failure, reads, holds) ENTRY_##NAME,
#include "nesting/entry_checks.def"
#undef CHECK
	ENTRY_VMCS_CHECKS, /* how many look at the VMCS, which come first */
	ENTRY_BEFORE_MSRS = ENTRY_VMCS_CHECKS - 1,
#define MSR_CHECK(NAME, section, holds) ENTRY_##NAME,
#include "nesting/entry_msr_checks.def"
#undef MSR_CHECK
	ENTRY_CHECKS,
	ENTRY_PASSED = ENTRY_CHECKS,
};

/* Groups of fields (entry_fields.def), and what else decides. */
enum entry_group {
	ENTRY_CONTROLS,
	ENTRY_WINDOWS, /* the bits of the primary controls that open windows */
	ENTRY_TPR,
	ENTRY_EVENT,
	ENTRY_HOST, /* and the mode that the guest hypervisor is in */
	ENTRY_REGISTERS,
	ENTRY_PAGING,
	ENTRY_SEGMENTS,
	ENTRY_CS_RIGHTS,
	ENTRY_SS_RIGHTS,
	ENTRY_RIP,
	ENTRY_RFLAGS,
	ENTRY_VM86, /* RFLAGS.VM */
	ENTRY_STATE,
	ENTRY_LINK,
	ENTRY_MEMORY, /* which can change at any time */
	ENTRY_GROUPS,
};

#define ENTRY_CHANGED(GROUP) (1u << ENTRY_##GROUP)
#define ENTRY_CHANGED_ALL    ((1u << ENTRY_GROUPS) - 1)

/* The outcome of an entry that fails. */
struct entry_failure {
	uint8_t instruction_error; /* VMfailValid; 0: an exit instead */
	uint8_t exit_reason;	   /* basic; its bit 31 is to be set */
	uint8_t qualification;	   /* of MSR loading: the number of the entry in the area instead */
};

struct entry_check_info {
	const char *name, *section; /* of SDM volume 3 */
	struct entry_failure failure;
	uint32_t reads; /* groups */
};

#define ENTRY_PDPTES 4

#define ENTRY_CHECK_WORDS ((ENTRY_VMCS_CHECKS + 63) / 64)

/* What a guest's entries are checked against. */
struct entry_rules {
	const struct vmx_capabilities *vmx;
	/* Bits that software may set in these MSRs. */
	uint64_t efer, debugctl, perf_global_ctrl;
	uint64_t vm_functions; /* IA32_VMX_VMFUNC */
	uint8_t linear_address_bits;
	/* entry_rules_init() sets these. */
	uint64_t beyond_width;				  /* physical-address bits that must be 0 */
	uint64_t checks[ENTRY_GROUPS][ENTRY_CHECK_WORDS]; /* which read a group: a bit each */
	/* The groups whose fields must be up to date in vmcs12 when a group has changed. */
	uint32_t reads[ENTRY_GROUPS];
	uint16_t groups[VMCS12_SLOTS]; /* that a field belongs to */
};

/* One entry. */
struct entry {
	const struct vmcs12 *vmcs12;
	uint64_t current; /* the VMCS pointer */
	bool ia32e_mode;  /* the guest hypervisor is in it */
	/* Read its memory; ones where there is none, as the processor's bus does. */
	void (*read)(void *ctx, uint64_t gpa, void *to, size_t bytes);
	/* WRMSR for the guest; false where that raises #GP. */
	bool (*load_msr)(void *ctx, uint32_t index, uint64_t value);
	void *ctx;
	/*
	 * Where the PDPTEs go that the entry loads from memory, as they have been checked: it
	 * can change at any time.
	 */
	uint64_t *pdptes;
};

/* A slot of an MSR area: SDM volume 3, table 25-15. */
struct entry_msr {
	uint32_t index;
	uint32_t reserved;
	uint64_t value;
};

void entry_rules_init(struct entry_rules *rules);

/* What to check again once `field` has become `after`. */
static inline uint32_t entry_changed(const struct entry_rules *rules, enum vmcs_field field,
				     uint64_t before, uint64_t after)
{
	uint32_t groups = rules->groups[vmcs12_slot(field)];

	if (field == VMCS_PRIMARY_CONTROLS &&
	    !((before ^ after) & ~(uint64_t)(CONTROL_PRIMARY_INTERRUPT_WINDOW_EXITING |
					     CONTROL_PRIMARY_NMI_WINDOW_EXITING)))
		groups = ENTRY_CHANGED(WINDOWS);
	else if (field == VMCS_GUEST_RFLAGS && ((before ^ after) & RFLAGS_VM))
		groups |= ENTRY_CHANGED(VM86);
	return before == after ? 0 : groups;
}

/*
 * The first check that does not hold, or ENTRY_PASSED.  Memory is looked at whatever changed.
 * Until the entry has passed, what changed before it counts as changed after it, too.
 */
enum entry_check entry_check_vmcs(const struct entry_rules *rules, const struct entry *entry,
				  uint32_t changed);

/* Whether one check holds: entry_check_vmcs() for each that is due. */
bool entry_holds(const struct entry_rules *rules, const struct entry *entry,
		 enum entry_check check);

/*
 * Loads the MSRs of the entry's area, up to the first that cannot be; then *number tells which,
 * from
 * 1.  Else ENTRY_PASSED.
 * @pre entry_check_vmcs() has passed
 */
enum entry_check entry_load_msrs(const struct entry_rules *rules, const struct entry *entry,
				 uint32_t *number);

/* How many MSRs an area may have: SDM volume 3, A.6. */
static inline uint32_t entry_msrs_most(const struct entry_rules *rules)
{
	return 512 * ((uint32_t)(rules->vmx->misc >> 25 & 7) + 1);
}

const struct entry_check_info *entry_check_info(enum entry_check check);

#endif
