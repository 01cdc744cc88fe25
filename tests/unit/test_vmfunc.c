/* VM functions of L2: which operands switch the EPT pointer, and which are exits to L1. */
#include <criterion/criterion.h>

#include "l1vmm/arch/msr.h"
#include "nested_rig.h"
#include "nesting/vmfunc.h"

#define LIST	RIG_PAGE(5)
#define ENTRIES 512
#define GOOD	(RIG_PAGE(7) | 0x1e)

static struct nested_rig rig;
static struct nested *const n = &rig.nested;

static void set(enum vmcs_field field, uint64_t value)
{
	cr_assert_eq(nested_vmwrite(n, field, value), NESTED_SUCCEED, "0x%x", field);
}

static void setup(void)
{
	nested_rig_start(&rig);
	set(VMCS_VM_FUNCTION_CONTROLS, VMX_FUNCTION_EPTP_SWITCHING);
	set(VMCS_EPTP_LIST_ADDRESS, LIST);
	set(VMCS_EPT_POINTER, RIG_PAGE(6) | 0x1e);
	rig.memory[5].slot[0] = rig.memory[5].slot[ENTRIES - 1] = GOOD;
	rig.memory[5].slot[1] = GOOD | BIT(7);
	rig.memory[5].slot[2] = RIG_BEYOND | 0x1e;
	rig.memory[5].slot[3] = GOOD ^ BIT(3);
}

static void expect_exit(uint32_t function, uint32_t index)
{
	uint64_t eptp = RIG_NOT_ABSENT;

	cr_expect_not(nested_vmfunc(n, function, index, &eptp), "function %u, index %u", function,
		      index);
	cr_expect_eq(vmcs12_get(n->vmcs12, VMCS_EPT_POINTER), RIG_PAGE(6) | 0x1e);
}

Test(vmfunc, a_valid_entry_becomes_the_ept_pointer, .init = setup)
{
	static const uint32_t indexes[] = {0, ENTRIES - 1};

	for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++) {
		uint64_t eptp = 0, seen = 0;

		setup();
		cr_expect(nested_vmfunc(n, 0, indexes[i], &eptp));
		cr_expect_eq(eptp, GOOD);
		cr_assert_eq(nested_vmread(n, VMCS_EPT_POINTER, &seen), NESTED_SUCCEED);
		cr_expect_eq(seen, GOOD);
	}
}

Test(vmfunc, all_else_is_an_exit, .init = setup)
{
	expect_exit(1, 0);
	expect_exit(63, 0);
	expect_exit(0, ENTRIES);
	expect_exit(0, UINT32_MAX);
	for (uint32_t index = 1; index < 5; index++)
		expect_exit(0, index);
	set(VMCS_EPTP_LIST_ADDRESS, RIG_OUTSIDE);
	expect_exit(0, 0);
	set(VMCS_EPTP_LIST_ADDRESS, LIST);
	set(VMCS_VM_FUNCTION_CONTROLS, 0);
	expect_exit(0, 0);
}

Test(vmfunc, is_told_of_where_it_is_offered)
{
	struct vmx_capabilities hardware = nested_rig_hardware(), offered;
	uint64_t value = 0;

	vmx_capabilities_offer(&offered, &hardware);
	cr_expect(vmx_capability_msr(&offered, MSR_IA32_VMX_VMFUNC, &value));
	cr_expect_eq(value, VMX_FUNCTION_EPTP_SWITCHING);
	hardware.controls.msr[CONTROL_SECONDARY] &=
		~((uint64_t)CONTROL_SECONDARY_ENABLE_VMFUNC << 32);
	vmx_capabilities_offer(&offered, &hardware);
	cr_expect_not(vmx_capability_msr(&offered, MSR_IA32_VMX_VMFUNC, &value));
}

/* The check of the controls is live: a function that is not there is refused. */
Test(vmfunc, an_unknown_function_is_refused_on_entry, .init = setup)
{
	const struct entry e = {.vmcs12 = n->vmcs12, .current = n->current};

	set(VMCS_PRIMARY_CONTROLS, (uint32_t)CONTROL_PRIMARY_ACTIVATE_SECONDARY);
	set(VMCS_SECONDARY_CONTROLS,
	    CONTROL_SECONDARY_ENABLE_EPT | CONTROL_SECONDARY_ENABLE_VMFUNC);
	cr_expect(entry_holds(&n->rules, &e, ENTRY_VM_FUNCTION_CONTROLS));
	set(VMCS_VM_FUNCTION_CONTROLS, 2);
	cr_expect_not(entry_holds(&n->rules, &e, ENTRY_VM_FUNCTION_CONTROLS));
}
