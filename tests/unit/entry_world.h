/*
 * A guest hypervisor about to enter its guest: a vmcs12, what the processor offers it, and a little
 * memory.  Everything is offered that an entry check depends on.
 */
#ifndef TESTS_UNIT_ENTRY_WORLD_H
#define TESTS_UNIT_ENTRY_WORLD_H

#include "nesting/entry_checks.h"

/* Valid VMCSs to start from. */
enum entry_base {
	BASE_LONG,	 /* 64-bit kernel under EPT */
	BASE_COMPATIBLE, /* 32-bit user code of a 64-bit kernel, no EPT, nothing optional */
	BASE_PAE,	 /* 32-bit, PDPTEs in memory */
	BASE_PAE_EPT,	 /* 32-bit, PDPTEs in the VMCS */
	BASE_PROTECTED,	 /* 32-bit, unrestricted, no paging */
	BASE_REAL,	 /* real mode, unrestricted */
	BASE_VM86,	 /* virtual-8086 mode */
	BASE_HALTED,	 /* 64-bit, in the HLT state */
	BASE_APIC,	 /* TPR shadow, APIC-access page */
	BASE_APICV,	 /* virtual interrupts, posted */
	BASE_EVERYTHING, /* all that EPT brings, VMCS shadowing, MSR areas */
	BASE_HOST_32BIT, /* 32-bit guest of a 32-bit hypervisor */
	BASES,
};

#define WORLD_BYTES   0x10000
#define WORLD_VTPR    (0x1000 + 0x80)
#define WORLD_LINK    0x2000 /* a VMCS region that is not current */
#define WORLD_CURRENT 0x3000
#define WORLD_PDPT    0x4020
#define WORLD_MSRS    0x5000
#define WORLD_PAGE    0x6000 /* for whatever address a control wants */
#define WORLD_WIDTH   40
#define WORLD_TOP     ((UINT64_C(1) << WORLD_WIDTH) - 0x1000) /* shows the page at WORLD_LINK */

struct entry_world {
	struct vmcs12 v;
	uint8_t memory[WORLD_BYTES];
	struct vmx_capabilities vmx;
	struct entry_rules rules;
	struct entry entry;
	uint32_t msrs_loaded;
	uint64_t pdptes[ENTRY_PDPTES];
};

void entry_world_init(struct entry_world *w, enum entry_base base);
const char *entry_base_name(enum entry_base base);

void entry_world_store(struct entry_world *w, uint64_t gpa, uint64_t value, size_t bytes);

/* An entry of the MSR-load area, counted from 1. */
void entry_world_msr(struct entry_world *w, uint32_t number, uint32_t index, uint32_t reserved,
		     uint64_t value);
#define WORLD_MSR_REFUSED 0x123 /* WRMSR raises #GP */

/*
 * Both sides of each check's boundary (entry_edges.def): `visit` sees a world that is valid, and
 * one as near to it as can be in which `check` is the first that does not hold.
 */
typedef void (*entry_edge_fn)(void *ctx, struct entry_world *w, enum entry_check check, bool valid);
void entry_edges(struct entry_world *w, entry_edge_fn visit, void *ctx);

#endif
