/*
 * The capability MSRs of the VMX that a guest hypervisor sees (SDM volume 3, appendix A): what the
 * processor has, masked by what is implemented.
 */
#ifndef NESTING_CAPABILITY_H
#define NESTING_CAPABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/vmx/controls.h"

struct vmx_capabilities {
	uint64_t basic;
	uint64_t misc;
	uint64_t cr0_fixed0, cr0_fixed1;
	uint64_t cr4_fixed0, cr4_fixed1;
	uint64_t ept_vpid;
	struct control_capabilities controls; /* the TRUE variants */
	uint8_t physical_address_bits;	      /* CPUID.80000008H:EAX[7:0] */
};

/* Bits of IA32_VMX_BASIC, IA32_VMX_MISC and IA32_VMX_EPT_VPID_CAP. */
#define VMX_BASIC_REGION_SHIFT	     32
#define VMX_BASIC_MEMORY_TYPE_SHIFT  50
#define VMX_BASIC_STRING_IO_INFO     (UINT64_C(1) << 54)
#define VMX_BASIC_TRUE_CONTROLS	     (UINT64_C(1) << 55)
#define VMX_BASIC_ANY_ERROR_CODE     (UINT64_C(1) << 56) /* exceptions with or without one */
#define VMX_MISC_TIMER_RATE	     UINT64_C(0x1f)
#define VMX_MISC_STORES_LMA	     (UINT64_C(1) << 5)
#define VMX_MISC_ACTIVITY_HLT	     (UINT64_C(1) << 6)
#define VMX_MISC_ACTIVITY_SIPI	     (UINT64_C(1) << 8)
#define VMX_MISC_CR3_TARGETS	     (UINT64_C(0x1ff) << 16)
#define VMX_MISC_WRITES_ANY_FIELD    (UINT64_C(1) << 29)
#define VMX_MISC_ZERO_LENGTH	     (UINT64_C(1) << 30) /* of injected software events */
#define VMX_FUNCTION_EPTP_SWITCHING  (UINT64_C(1) << 0)	 /* IA32_VMX_VMFUNC */
#define EPT_VPID_EXECUTE_ONLY	     (UINT64_C(1) << 0)
#define EPT_VPID_FOUR_LEVELS	     (UINT64_C(1) << 6)
#define EPT_VPID_FIVE_LEVELS	     (UINT64_C(1) << 7)
#define EPT_VPID_UNCACHEABLE	     (UINT64_C(1) << 8)
#define EPT_VPID_WRITE_BACK	     (UINT64_C(1) << 14)
#define EPT_VPID_PAGES_2M	     (UINT64_C(1) << 16)
#define EPT_VPID_PAGES_1G	     (UINT64_C(1) << 17)
#define EPT_VPID_INVEPT		     (UINT64_C(1) << 20)
#define EPT_VPID_ACCESSED_DIRTY	     (UINT64_C(1) << 21)
#define EPT_VPID_INVEPT_SINGLE	     (UINT64_C(1) << 25)
#define EPT_VPID_INVEPT_ALL	     (UINT64_C(1) << 26)
#define EPT_VPID_INVVPID	     (UINT64_C(1) << 32)
#define EPT_VPID_INVVPID_ADDRESS     (UINT64_C(1) << 40)
#define EPT_VPID_INVVPID_SINGLE	     (UINT64_C(1) << 41)
#define EPT_VPID_INVVPID_ALL	     (UINT64_C(1) << 42)
#define EPT_VPID_INVVPID_NON_GLOBALS (UINT64_C(1) << 43)

/*
 * Takes away what a hypervisor that runs its guest on shadow tables does not pass on: PCIDs, which
 * CPUID hides, and an EPT that it could not serve the guest's guest with.
 */
void vmx_capabilities_of_shadow(struct vmx_capabilities *c);

/* What a guest hypervisor is offered on a processor that has `hardware`. */
void vmx_capabilities_offer(struct vmx_capabilities *offered,
			    const struct vmx_capabilities *hardware);

/* RDMSR of IA32_VMX_BASIC to IA32_VMX_VMFUNC; false where the MSR does not exist. */
bool vmx_capability_msr(const struct vmx_capabilities *offered, uint32_t msr, uint64_t *value);

/*
 * IA32_VMX_VMFUNC: the functions are carried out by L0, so what the processor has of them does not
 * matter.
 */
static inline uint64_t vmx_functions(const struct vmx_capabilities *offered)
{
	return offered->controls.msr[CONTROL_SECONDARY] >> 32 & CONTROL_SECONDARY_ENABLE_VMFUNC
		       ? VMX_FUNCTION_EPTP_SWITCHING
		       : 0;
}

/* Whether VM entry accepts `eptp` as an EPT pointer: SDM volume 3, 27.2.1.1. */
bool vmx_ept_pointer_valid(const struct vmx_capabilities *offered, uint64_t eptp);

/* Whether `controls` has nothing set that must be 0 and nothing clear that must be 1. */
static inline bool vmx_controls_allowed(const struct vmx_capabilities *offered,
					enum control_word word, uint32_t controls)
{
	uint64_t msr = offered->controls.msr[word];

	return !((uint32_t)msr & ~controls) && !(controls & ~(uint32_t)(msr >> 32));
}

#endif
