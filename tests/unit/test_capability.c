/* What a guest hypervisor is offered, against what the processor has and what is implemented. */
#include <criterion/criterion.h>

#include "l1vmm/arch/msr.h"
#include "nesting/capability.h"
#include "nesting/vmcs12.h"

static const struct vmx_capabilities everything = {
	.basic = ~UINT64_C(0),
	.misc = ~UINT64_C(0),
	.cr0_fixed0 = 0x80000021,
	.cr0_fixed1 = 0xffffffff,
	.cr4_fixed0 = 0x2000,
	.cr4_fixed1 = 0x3767ff,
	.ept_vpid = ~UINT64_C(0),
	.controls.msr =
		{
			[CONTROL_PIN] = 0x16 | ~UINT64_C(0) << 32,
			[CONTROL_PRIMARY] = 0x04006172 | ~UINT64_C(0) << 32,
			[CONTROL_SECONDARY] = ~UINT64_C(0) << 32,
			[CONTROL_EXIT] = 0x36dfb | ~UINT64_C(0) << 32,
			[CONTROL_ENTRY] = 0x11fb | ~UINT64_C(0) << 32,
		},
};

static uint64_t read_msr(const struct vmx_capabilities *c, uint32_t msr)
{
	uint64_t value = 0;

	cr_assert(vmx_capability_msr(c, msr, &value), "MSR 0x%x", msr);
	return value;
}

Test(capability, offers_the_controls_of_the_list_and_those_that_must_be_set)
{
	uint32_t listed[CONTROL_WORDS] = {0};
	struct vmx_capabilities offered;

#define OFFER(WORD, control) listed[CONTROL_##WORD] |= (uint32_t)CONTROL_##WORD##_##control;
#include "nesting/offered.def"
#undef OFFER
	vmx_capabilities_offer(&offered, &everything);
	for (unsigned w = 0; w < CONTROL_WORDS; w++) {
		uint32_t must = (uint32_t)everything.controls.msr[w];

		cr_expect_eq((uint32_t)offered.controls.msr[w], must, "word %u", w);
		cr_expect_eq(offered.controls.msr[w] >> 32, listed[w] | must, "word %u", w);
	}
}

Test(capability, offers_nothing_that_the_processor_lacks)
{
	struct vmx_capabilities poor = everything, offered;

	for (unsigned w = 0; w < CONTROL_WORDS; w++)
		poor.controls.msr[w] = (uint32_t)poor.controls.msr[w] * ((UINT64_C(1) << 32) + 1);
	poor.ept_vpid = 0;
	poor.misc = 0;
	vmx_capabilities_offer(&offered, &poor);
	for (unsigned w = 0; w < CONTROL_WORDS; w++)
		cr_expect_eq(offered.controls.msr[w], poor.controls.msr[w], "word %u", w);
	cr_expect_eq(offered.misc, 0);
	cr_expect_eq(offered.ept_vpid, 0);
}

/* Whatever l1vmm needs of an EPT of its own. */
Test(capability, upon_shadow_tables_there_is_ept_where_it_can_be_served)
{
	static const uint64_t needed[] = {EPT_VPID_FOUR_LEVELS, EPT_VPID_WRITE_BACK,
					  EPT_VPID_PAGES_2M, EPT_VPID_INVEPT, EPT_VPID_INVEPT_ALL};
	const uint64_t gone =
		(uint64_t)(CONTROL_SECONDARY_ENABLE_EPT | CONTROL_SECONDARY_UNRESTRICTED_GUEST |
			   CONTROL_SECONDARY_ENABLE_VMFUNC)
		<< 32;
	struct vmx_capabilities c = everything;

	vmx_capabilities_of_shadow(&c);
	cr_expect_eq(c.controls.msr[CONTROL_SECONDARY], everything.controls.msr[CONTROL_SECONDARY]);
	cr_expect_eq(c.cr4_fixed1, everything.cr4_fixed1 & ~(UINT64_C(1) << 17), "no PCIDs");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		c = everything;
		c.ept_vpid &= ~needed[i];
		vmx_capabilities_of_shadow(&c);
		cr_expect_eq(c.controls.msr[CONTROL_SECONDARY],
			     everything.controls.msr[CONTROL_SECONDARY] & ~gone, "%zu", i);
	}
}

Test(capability, without_a_control_its_msr_does_not_exist)
{
	struct vmx_capabilities poor = everything, offered;
	uint64_t value;

	poor.controls.msr[CONTROL_PRIMARY] = 0x04006172 * ((UINT64_C(1) << 32) + 1);
	poor.controls.msr[CONTROL_SECONDARY] = 0;
	vmx_capabilities_offer(&offered, &poor);
	cr_expect_not(vmx_capability_msr(&offered, MSR_IA32_VMX_PROCBASED_CTLS2, &value));
	cr_expect_not(vmx_capability_msr(&offered, MSR_IA32_VMX_EPT_VPID_CAP, &value));
	cr_expect_not(vmx_capability_msr(&offered, MSR_IA32_VMX_VMFUNC, &value));
}

Test(capability, format_and_revision_are_our_own)
{
	struct vmx_capabilities offered, lacking = everything;
	uint64_t basic;

	vmx_capabilities_offer(&offered, &everything);
	basic = read_msr(&offered, MSR_IA32_VMX_BASIC);
	cr_expect_eq((uint32_t)basic, VMCS12_REVISION);
	cr_expect_eq(basic >> 32 & 0x1fff, VMCS12_BYTES);
	cr_expect_eq(basic >> 50 & 0xf, 6, "write-back");
	cr_expect_not(basic & UINT64_C(1) << 49, "no dual-monitor treatment");
	cr_expect_eq(read_msr(&offered, MSR_IA32_VMX_VMCS_ENUM),
		     vmcs12_highest_index(&offered.controls) << 1);
	cr_expect_eq(read_msr(&offered, MSR_IA32_VMX_VMCS_ENUM), VMCS_TSC_MULTIPLIER & 0x3fe);
	lacking.controls.msr[CONTROL_SECONDARY] &= ~((uint64_t)CONTROL_SECONDARY_TSC_SCALING << 32);
	vmx_capabilities_offer(&offered, &lacking);
	cr_expect_lt(read_msr(&offered, MSR_IA32_VMX_VMCS_ENUM), VMCS_TSC_MULTIPLIER & 0x3fe,
		     "a field of what is not offered");
}

/* SDM volume 3, A.2: the old MSRs fix the default-1 controls, and allow what the TRUE ones do. */
Test(capability, old_msrs_fix_what_defaults_to_1)
{
	static const struct {
		uint32_t old, new, default1;
	} rows[] = {
		{MSR_IA32_VMX_PINBASED_CTLS, MSR_IA32_VMX_TRUE_PINBASED_CTLS, 0x16},
		{MSR_IA32_VMX_PROCBASED_CTLS, MSR_IA32_VMX_TRUE_PROCBASED_CTLS, 0x0401e172},
		{MSR_IA32_VMX_EXIT_CTLS, MSR_IA32_VMX_TRUE_EXIT_CTLS, 0x36dff},
		{MSR_IA32_VMX_ENTRY_CTLS, MSR_IA32_VMX_TRUE_ENTRY_CTLS, 0x11ff},
	};
	struct vmx_capabilities offered;

	vmx_capabilities_offer(&offered, &everything);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t old = read_msr(&offered, rows[i].old);
		uint64_t new = read_msr(&offered, rows[i].new);

		cr_expect_eq((uint32_t)old, (uint32_t)new | rows[i].default1);
		cr_expect_eq(old >> 32, new >> 32 | rows[i].default1);
	}
}

Test(capability, allows_what_the_msr_allows)
{
	struct vmx_capabilities offered;
	uint32_t must = 0x16;

	vmx_capabilities_offer(&offered, &everything);
	cr_expect(vmx_controls_allowed(&offered, CONTROL_PIN, must));
	cr_expect(vmx_controls_allowed(&offered, CONTROL_PIN, must | CONTROL_PIN_NMI_EXITING));
	cr_expect_not(vmx_controls_allowed(&offered, CONTROL_PIN, must & ~2u));
	cr_expect_not(vmx_controls_allowed(&offered, CONTROL_PIN, must | 1u << 31));
}
