/* The VMX instructions of a guest hypervisor: each outcome and what it changes. */
#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "nested_rig.h"

static struct nested_rig rig;
static struct nested *const n = &rig.nested;

Test(nested_vmx, rflags_tell_the_outcome)
{
	uint64_t all = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF;

	cr_expect_eq(nested_rflags(all | RFLAGS_IF, NESTED_SUCCEED), RFLAGS_IF);
	cr_expect_eq(nested_rflags(all, NESTED_FAIL_INVALID), RFLAGS_CF);
	cr_expect_eq(nested_rflags(all, 7), RFLAGS_ZF);
}

Test(nested_vmx, vmxon_takes_a_page_with_the_revision)
{
	static const uint64_t bad[] = {RIG_PAGE(1) + 8, RIG_BEYOND, RIG_OUTSIDE};

	nested_rig_init(&rig);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(nested_vmxon(n, bad[i]), NESTED_FAIL_INVALID, "0x%lx", bad[i]);
		cr_expect_not(n->on);
	}
	rig.memory[3].revision |= VMCS12_SHADOW;
	cr_expect_eq(nested_vmxon(n, RIG_PAGE(3)), NESTED_FAIL_INVALID);
	cr_expect_eq(nested_vmxon(n, RIG_PAGE(1)), NESTED_SUCCEED);
	cr_expect(n->on);
	cr_expect_eq(n->current, VMCS12_NO_ADDRESS);
}

Test(nested_vmx, without_a_current_vmcs_failures_are_invalid)
{
	uint64_t value;

	nested_rig_init(&rig);
	nested_vmxon(n, RIG_PAGE(1));
	cr_expect_eq(nested_vmread(n, VMCS_GUEST_RIP, &value), NESTED_FAIL_INVALID);
	cr_expect_eq(nested_vmwrite(n, VMCS_GUEST_RIP, 0), NESTED_FAIL_INVALID);
	cr_expect_eq(nested_entry_start(n, true, false), NESTED_FAIL_INVALID);
	cr_expect_eq(nested_vmptrld(n, RIG_PAGE(1)), NESTED_FAIL_INVALID);
	cr_expect_eq(nested_vmclear(n, 1), NESTED_FAIL_INVALID);
}

Test(nested_vmx, vmptrld_refuses_bad_pointers)
{
	nested_rig_start(&rig);
	cr_expect_eq(nested_vmptrld(n, RIG_PAGE(3) + 1), NESTED_ERROR_VMPTRLD_ADDRESS);
	cr_expect_eq(nested_vmptrld(n, RIG_BEYOND), NESTED_ERROR_VMPTRLD_ADDRESS);
	cr_expect_eq(nested_vmptrld(n, RIG_PAGE(1)), NESTED_ERROR_VMPTRLD_VMXON_POINTER);
	cr_expect_eq(nested_vmptrld(n, RIG_OUTSIDE), NESTED_ERROR_VMPTRLD_REVISION);
	rig.memory[3].revision++;
	cr_expect_eq(nested_vmptrld(n, RIG_PAGE(3)), NESTED_ERROR_VMPTRLD_REVISION);
	rig.memory[4].revision |= VMCS12_SHADOW;
	n->offered.controls.msr[CONTROL_SECONDARY] &=
		~((uint64_t)CONTROL_SECONDARY_VMCS_SHADOWING << 32);
	cr_expect_eq(nested_vmptrld(n, RIG_PAGE(4)), NESTED_ERROR_VMPTRLD_REVISION,
		     "no shadow VMCS where shadowing is not offered");
	cr_expect_eq(n->current, RIG_PAGE(2), "the current one stays");
	cr_expect_eq(vmcs12_get(rig.copy, VMCS_INSTRUCTION_ERROR), NESTED_ERROR_VMPTRLD_REVISION);
}

/* So that what VM entry checks of a field is all of it. */
Test(nested_vmx, a_field_of_a_region_has_no_more_bits_than_its_width)
{
	static const uint64_t most[] = {
		[VMCS_WIDTH_16] = UINT16_MAX,
		[VMCS_WIDTH_64] = UINT64_MAX,
		[VMCS_WIDTH_32] = UINT32_MAX,
		[VMCS_WIDTH_NATURAL] = UINT64_MAX,
	};
	unsigned fields = 0;

	nested_rig_start(&rig);
	for (unsigned slot = VMCS12_HEADER_SLOTS; slot < VMCS12_SLOTS; slot++)
		rig.memory[3].slot[slot] = UINT64_MAX;
	cr_assert_eq(nested_vmptrld(n, RIG_PAGE(3)), NESTED_SUCCEED);
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++) {
		const struct vmcs12_field *field = &n->layout.field[slot];

		if (field->use == VMCS12_ABSENT)
			continue;
		cr_expect_eq(n->vmcs12->slot[slot], most[vmcs_width(field->encoding)], "0x%x",
			     field->encoding);
		fields++;
	}
	cr_expect_gt(fields, 100);
}

Test(nested_vmx, a_shadow_vmcs_can_be_current_but_not_entered)
{
	nested_rig_start(&rig);
	rig.memory[4].revision |= VMCS12_SHADOW;
	cr_assert_eq(nested_vmptrld(n, RIG_PAGE(4)), NESTED_SUCCEED);
	cr_expect_eq(nested_vmwrite(n, VMCS_GUEST_RIP, 1), NESTED_SUCCEED);
	cr_expect_eq(nested_entry_start(n, true, false), NESTED_FAIL_INVALID);
	cr_expect_eq(nested_vmclear(n, RIG_PAGE(4)), NESTED_SUCCEED);
	cr_expect_eq(rig.memory[4].revision, VMCS12_REVISION | VMCS12_SHADOW);
}

Test(nested_vmx, a_vmcs_keeps_its_fields_while_another_is_current)
{
	uint64_t value = 0;

	nested_rig_start(&rig);
	cr_assert_eq(nested_vmwrite(n, VMCS_GUEST_RIP, 0x1234), NESTED_SUCCEED);
	cr_assert_eq(nested_vmwrite(n, VMCS_HOST_RIP, 0x5678), NESTED_SUCCEED);
	cr_assert_eq(nested_vmptrld(n, RIG_PAGE(3)), NESTED_SUCCEED);
	cr_assert_eq(nested_vmread(n, VMCS_GUEST_RIP, &value), NESTED_SUCCEED);
	cr_expect_eq(value, 0);
	cr_assert_eq(nested_vmptrld(n, RIG_PAGE(2)), NESTED_SUCCEED);
	cr_assert_eq(nested_vmread(n, VMCS_GUEST_RIP, &value), NESTED_SUCCEED);
	cr_expect_eq(value, 0x1234);
	cr_assert_eq(nested_vmread(n, VMCS_HOST_RIP, &value), NESTED_SUCCEED);
	cr_expect_eq(value, 0x5678);
}

/* L1 may do what it likes to the page of a VMCS that is current: nobody looks. */
Test(nested_vmx, memory_behind_a_current_vmcs_counts_for_nothing)
{
	uint64_t value = 0;

	nested_rig_start(&rig);
	cr_assert_eq(nested_vmwrite(n, VMCS_GUEST_RIP, 0x1234), NESTED_SUCCEED);
	vmcs12_set(&rig.memory[2], VMCS_GUEST_RIP, 0xbad);
	cr_assert_eq(nested_vmread(n, VMCS_GUEST_RIP, &value), NESTED_SUCCEED);
	cr_expect_eq(value, 0x1234);
}

Test(nested_vmx, vmclear_makes_a_vmcs_clear)
{
	nested_rig_start(&rig);
	rig.memory[3].launched = 1;
	cr_expect_eq(nested_vmclear(n, RIG_PAGE(3)), NESTED_SUCCEED);
	cr_expect_not(rig.memory[3].launched);
	rig.copy[0].launched = 1;
	cr_expect_eq(nested_vmclear(n, RIG_PAGE(2)), NESTED_SUCCEED);
	cr_expect_not(rig.memory[2].launched);
	cr_expect_eq(n->current, VMCS12_NO_ADDRESS);
}

Test(nested_vmx, vmclear_refuses_bad_pointers)
{
	nested_rig_start(&rig);
	cr_expect_eq(nested_vmclear(n, RIG_PAGE(3) + 1), NESTED_ERROR_VMCLEAR_ADDRESS);
	cr_expect_eq(nested_vmclear(n, RIG_BEYOND), NESTED_ERROR_VMCLEAR_ADDRESS);
	cr_expect_eq(nested_vmclear(n, RIG_PAGE(1)), NESTED_ERROR_VMCLEAR_VMXON_POINTER);
	cr_expect_eq(nested_vmclear(n, RIG_OUTSIDE), NESTED_SUCCEED, "there is nothing to write");
	cr_expect_eq(n->current, RIG_PAGE(2));
}

Test(nested_vmx, unsupported_fields_fail)
{
	uint64_t value = RIG_NOT_ABSENT;

	nested_rig_start(&rig);
	cr_expect_eq(nested_vmread(n, VMCS_ENCLS_EXITING_BITMAP, &value),
		     NESTED_ERROR_UNSUPPORTED_FIELD);
	cr_expect_eq(nested_vmread(n, BIT(32) | VMCS_GUEST_RIP, &value),
		     NESTED_ERROR_UNSUPPORTED_FIELD);
	cr_expect_eq(nested_vmwrite(n, VMCS_GUEST_RIP + 1, 0), NESTED_ERROR_UNSUPPORTED_FIELD);
	cr_expect_eq(value, RIG_NOT_ABSENT, "the operand stays");
}

Test(nested_vmx, read_only_fields_are_written_only_where_that_is_offered)
{
	nested_rig_start(&rig);
	cr_expect_eq(nested_vmwrite(n, VMCS_EXIT_REASON, 1), NESTED_SUCCEED);
	n->offered.misc &= ~VMX_MISC_WRITES_ANY_FIELD;
	cr_expect_eq(nested_vmwrite(n, VMCS_EXIT_REASON, 1), NESTED_ERROR_VMWRITE_READ_ONLY);
}

/* Once L2 has run, vmcs02 holds its state until L1 writes it. */
Test(nested_vmx, guest_state_is_where_it_was_written_last)
{
	uint64_t value = 0;

	nested_rig_start(&rig);
	for (unsigned i = 0; i < HELD_WORDS; i++)
		n->held[i] = 0;
	vmcs12_set(rig.vmcs02, VMCS_GUEST_RIP, 0x1000);
	cr_assert_eq(nested_vmread(n, VMCS_GUEST_RIP, &value), NESTED_SUCCEED);
	cr_expect_eq(value, 0x1000);
	nested_vmwrite(n, VMCS_GUEST_RIP, 0x1003);
	nested_vmread(n, VMCS_GUEST_RIP, &value);
	cr_expect_eq(value, 0x1003);
	cr_assert_eq(nested_vmclear(n, RIG_PAGE(2)), NESTED_SUCCEED);
	cr_expect_eq(vmcs12_get(&rig.memory[2], VMCS_GUEST_RIP), 0x1003);
}

Test(nested_vmx, entry_wants_the_launch_state_to_fit)
{
	nested_rig_start(&rig);
	cr_expect_eq(nested_entry_start(n, true, false), NESTED_SUCCEED);
	cr_expect_eq(nested_entry_start(n, false, false), NESTED_ERROR_VMRESUME_NOT_LAUNCHED);
	rig.copy[0].launched = 1;
	cr_expect_eq(nested_entry_start(n, false, false), NESTED_SUCCEED);
	cr_expect_eq(nested_entry_start(n, true, false), NESTED_ERROR_VMLAUNCH_NOT_CLEAR);
	cr_expect_eq(nested_entry_start(n, true, true), NESTED_ERROR_ENTRY_MOV_SS,
		     "blocking goes first");
}

Test(nested_vmx, invept_checks_its_type_and_pointer)
{
	const uint64_t good[2] = {RIG_PAGE(5) | 0x1e, 0}, bad[2] = {RIG_PAGE(5) | 0x06, 0};

	nested_rig_start(&rig);
	cr_expect_eq(nested_invept(n, 1, good), NESTED_SUCCEED);
	cr_expect_eq(rig.invept, good[0]);
	cr_expect_eq(nested_invept(n, 2, bad), NESTED_SUCCEED, "all contexts: not looked at");
	cr_expect_eq(rig.invept, 0);
	cr_expect_eq(rig.invepts, 2);
	cr_expect_eq(nested_invept(n, 1, bad), NESTED_ERROR_INVALIDATE_OPERAND);
	cr_expect_eq(nested_invept(n, 0, good), NESTED_ERROR_INVALIDATE_OPERAND);
	cr_expect_eq(nested_invept(n, 3, good), NESTED_ERROR_INVALIDATE_OPERAND);
	cr_expect_eq(rig.invepts, 2);
}

Test(nested_vmx, invvpid_checks_its_operand)
{
	const uint64_t good[2] = {7, 0x1000}, zero[2] = {0, 0}, wide[2] = {0x10000, 0};
	const uint64_t high[2] = {7, BIT(47)};

	nested_rig_start(&rig);
	for (uint64_t type = 0; type < 4; type++) {
		cr_expect_eq(nested_invvpid(n, type, good), NESTED_SUCCEED, "type %lu", type);
		cr_expect_eq(rig.invvpid_type, type);
		cr_expect_eq(rig.invvpid, 7);
		cr_expect_eq(rig.invvpid_address, 0x1000);
	}
	cr_expect_eq(nested_invvpid(n, 2, zero), NESTED_SUCCEED);
	cr_expect_eq(rig.invvpids, 5);
	cr_expect_eq(nested_invvpid(n, 4, good), NESTED_ERROR_INVALIDATE_OPERAND);
	cr_expect_eq(nested_invvpid(n, 1, zero), NESTED_ERROR_INVALIDATE_OPERAND);
	cr_expect_eq(nested_invvpid(n, 1, wide), NESTED_ERROR_INVALIDATE_OPERAND);
	cr_expect_eq(nested_invvpid(n, 0, high), NESTED_ERROR_INVALIDATE_OPERAND);
	cr_expect_eq(rig.invvpids, 5);
}

Test(nested_vmx, vmxoff_puts_the_current_vmcs_back)
{
	nested_rig_start(&rig);
	nested_vmwrite(n, VMCS_HOST_RIP, 0x5678);
	nested_vmxoff(n);
	cr_expect_not(n->on);
	cr_expect_eq(vmcs12_get(&rig.memory[2], VMCS_HOST_RIP), 0x5678);
	cr_expect_eq(n->current, VMCS12_NO_ADDRESS);
}
