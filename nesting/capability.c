#include "nesting/capability.h"

#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"
#include "nesting/vmcs12.h"

#define MEMORY_WRITE_BACK UINT64_C(6)

#define BASIC_OFFERED VMX_BASIC_ANY_ERROR_CODE
#define MISC_OFFERED                                                                 \
	(VMX_MISC_TIMER_RATE | VMX_MISC_STORES_LMA | VMX_MISC_ACTIVITY_HLT |         \
	 VMX_MISC_ACTIVITY_SIPI | VMX_MISC_CR3_TARGETS | VMX_MISC_WRITES_ANY_FIELD | \
	 VMX_MISC_ZERO_LENGTH)
#define EPT_OFFERED                                                                      \
	(EPT_VPID_EXECUTE_ONLY | EPT_VPID_FOUR_LEVELS | EPT_VPID_UNCACHEABLE |           \
	 EPT_VPID_WRITE_BACK | EPT_VPID_PAGES_2M | EPT_VPID_PAGES_1G | EPT_VPID_INVEPT | \
	 EPT_VPID_ACCESSED_DIRTY | EPT_VPID_INVEPT_SINGLE | EPT_VPID_INVEPT_ALL)
#define VPID_OFFERED                                                             \
	(EPT_VPID_INVVPID | EPT_VPID_INVVPID_ADDRESS | EPT_VPID_INVVPID_SINGLE | \
	 EPT_VPID_INVVPID_ALL | EPT_VPID_INVVPID_NON_GLOBALS)

/* Controls that are 1 for software that knows nothing of the TRUE MSRs: SDM volume 3, A.2. */
static const uint32_t default1[CONTROL_WORDS] = {
	[CONTROL_PIN] = 0x16,
	[CONTROL_PRIMARY] = 0x0401e172,
	[CONTROL_EXIT] = 0x36dff,
	[CONTROL_ENTRY] = 0x11ff,
};

static bool has(const struct vmx_capabilities *c, enum control_word word, uint32_t control)
{
	return c->controls.msr[word] >> 32 & control;
}

/* What the processor wants to be 1 is 1; beyond that, what is implemented may be. */
static void offer_controls(struct vmx_capabilities *offered,
			   const struct vmx_capabilities *hardware)
{
	uint32_t implemented[CONTROL_WORDS] = {0};

#define OFFER(WORD, control) implemented[CONTROL_##WORD] |= (uint32_t)CONTROL_##WORD##_##control;
#include "nesting/offered.def"
#undef OFFER
	for (unsigned w = 0; w < CONTROL_WORDS; w++) {
		uint32_t must = (uint32_t)hardware->controls.msr[w];
		uint32_t may = (uint32_t)(hardware->controls.msr[w] >> 32);

		offered->controls.msr[w] = must | (uint64_t)(may & (implemented[w] | must)) << 32;
	}
}

void vmx_capabilities_offer(struct vmx_capabilities *offered,
			    const struct vmx_capabilities *hardware)
{
	*offered = *hardware;
	offer_controls(offered, hardware);
	offered->basic = VMCS12_REVISION | (uint64_t)VMCS12_BYTES << VMX_BASIC_REGION_SHIFT |
			 MEMORY_WRITE_BACK << VMX_BASIC_MEMORY_TYPE_SHIFT |
			 VMX_BASIC_STRING_IO_INFO | VMX_BASIC_TRUE_CONTROLS |
			 (hardware->basic & BASIC_OFFERED);
	offered->misc = hardware->misc & MISC_OFFERED;
	offered->ept_vpid = 0;
	if (has(offered, CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT))
		offered->ept_vpid |= hardware->ept_vpid & EPT_OFFERED;
	if (has(offered, CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_VPID))
		offered->ept_vpid |= hardware->ept_vpid & VPID_OFFERED;
}

/* Of an EPT that is to serve L2 alone, the same as mmu=ept needs (l1vmm/vmx/capability.def). */
#define EPT_NEEDED                                                                          \
	(EPT_VPID_FOUR_LEVELS | EPT_VPID_WRITE_BACK | EPT_VPID_PAGES_2M | EPT_VPID_INVEPT | \
	 EPT_VPID_INVEPT_ALL)
#define NEED_EPT                                                               \
	(CONTROL_SECONDARY_ENABLE_EPT | CONTROL_SECONDARY_UNRESTRICTED_GUEST | \
	 CONTROL_SECONDARY_ENABLE_VMFUNC)

void vmx_capabilities_of_shadow(struct vmx_capabilities *c)
{
	c->cr4_fixed1 &= ~(uint64_t)CR4_PCIDE;
	if ((c->ept_vpid & EPT_NEEDED) != EPT_NEEDED)
		c->controls.msr[CONTROL_SECONDARY] &= ~((uint64_t)NEED_EPT << 32);
}

#define EPTP_TYPE_UNCACHEABLE 0
#define EPTP_TYPE_WRITE_BACK  6
#define EPTP_FOUR_LEVELS      3 /* page-walk length less one */
#define EPTP_ACCESSED_DIRTY   (UINT64_C(1) << 6)
#define EPTP_RESERVED	      UINT64_C(0xf80)

bool vmx_ept_pointer_valid(const struct vmx_capabilities *offered, uint64_t eptp)
{
	uint64_t type = eptp & 7;
	uint64_t kinds = offered->ept_vpid;

	if (!(type == EPTP_TYPE_WRITE_BACK && (kinds & EPT_VPID_WRITE_BACK)) &&
	    !(type == EPTP_TYPE_UNCACHEABLE && (kinds & EPT_VPID_UNCACHEABLE)))
		return false;
	if ((eptp >> 3 & 7) != EPTP_FOUR_LEVELS || !(kinds & EPT_VPID_FOUR_LEVELS))
		return false;
	if ((eptp & EPTP_ACCESSED_DIRTY) && !(kinds & EPT_VPID_ACCESSED_DIRTY))
		return false;
	return !(eptp & EPTP_RESERVED) && !(eptp >> offered->physical_address_bits);
}

/* The word of an old MSR: as its TRUE one, with the default-1 controls fixed to 1. */
static uint64_t old_controls(const struct vmx_capabilities *offered, enum control_word word)
{
	return offered->controls.msr[word] | default1[word] | (uint64_t)default1[word] << 32;
}

bool vmx_capability_msr(const struct vmx_capabilities *offered, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_IA32_VMX_BASIC:
		*value = offered->basic;
		return true;
	case MSR_IA32_VMX_PINBASED_CTLS:
		*value = old_controls(offered, CONTROL_PIN);
		return true;
	case MSR_IA32_VMX_PROCBASED_CTLS:
		*value = old_controls(offered, CONTROL_PRIMARY);
		return true;
	case MSR_IA32_VMX_EXIT_CTLS:
		*value = old_controls(offered, CONTROL_EXIT);
		return true;
	case MSR_IA32_VMX_ENTRY_CTLS:
		*value = old_controls(offered, CONTROL_ENTRY);
		return true;
	case MSR_IA32_VMX_MISC:
		*value = offered->misc;
		return true;
	case MSR_IA32_VMX_CR0_FIXED0:
		*value = offered->cr0_fixed0;
		return true;
	case MSR_IA32_VMX_CR0_FIXED1:
		*value = offered->cr0_fixed1;
		return true;
	case MSR_IA32_VMX_CR4_FIXED0:
		*value = offered->cr4_fixed0;
		return true;
	case MSR_IA32_VMX_CR4_FIXED1:
		*value = offered->cr4_fixed1;
		return true;
	case MSR_IA32_VMX_VMCS_ENUM:
		*value = vmcs12_highest_index(&offered->controls) << 1;
		return true;
	case MSR_IA32_VMX_PROCBASED_CTLS2:
		*value = offered->controls.msr[CONTROL_SECONDARY];
		return has(offered, CONTROL_PRIMARY, CONTROL_PRIMARY_ACTIVATE_SECONDARY);
	case MSR_IA32_VMX_EPT_VPID_CAP:
		*value = offered->ept_vpid;
		return offered->ept_vpid;
	case MSR_IA32_VMX_TRUE_PINBASED_CTLS:
		*value = offered->controls.msr[CONTROL_PIN];
		return true;
	case MSR_IA32_VMX_TRUE_PROCBASED_CTLS:
		*value = offered->controls.msr[CONTROL_PRIMARY];
		return true;
	case MSR_IA32_VMX_TRUE_EXIT_CTLS:
		*value = offered->controls.msr[CONTROL_EXIT];
		return true;
	case MSR_IA32_VMX_TRUE_ENTRY_CTLS:
		*value = offered->controls.msr[CONTROL_ENTRY];
		return true;
	case MSR_IA32_VMX_VMFUNC:
		*value = vmx_functions(offered);
		return *value;
	default:
		return false;
	}
}
