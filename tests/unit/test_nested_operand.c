/* Operands of VMX instructions, from the instruction information. */
#include <criterion/criterion.h>

#include "l1vmm/vmx/vmcs_field.h"
#include "nesting/operand.h"

#define ADDRESS_16 (0u << 7)
#define ADDRESS_32 (1u << 7)
#define ADDRESS_64 (2u << 7)
#define BASE(r)	   ((uint32_t)(r) << 23)
#define INDEX(r)   ((uint32_t)(r) << 18)

static const uint64_t gprs[16] = {[3] = 0x100000020, [6] = 0x10, [12] = 0xfffffffffffffff0};

Test(nested_operand, offset_is_base_index_and_displacement)
{
	uint32_t none = OPERAND_NO_BASE | OPERAND_NO_INDEX;

	cr_expect_eq(operand_offset(ADDRESS_64 | none, 0x1234, gprs), 0x1234);
	cr_expect_eq(operand_offset(ADDRESS_64 | OPERAND_NO_INDEX | BASE(3), 8, gprs), 0x100000028);
	cr_expect_eq(operand_offset(ADDRESS_64 | OPERAND_NO_BASE | INDEX(6) | 3, 0, gprs), 0x80);
	cr_expect_eq(operand_offset(ADDRESS_64 | BASE(3) | INDEX(6) | 2, 1, gprs), 0x100000061);
}

Test(nested_operand, offset_is_cut_to_the_address_size)
{
	cr_expect_eq(operand_offset(ADDRESS_32 | OPERAND_NO_INDEX | BASE(3), 0, gprs), 0x20);
	cr_expect_eq(operand_offset(ADDRESS_16 | OPERAND_NO_INDEX | BASE(12), 0x20, gprs), 0x10);
	cr_expect_eq(operand_offset(ADDRESS_32 | OPERAND_NO_INDEX | BASE(12), 0, gprs), 0xfffffff0);
}

static enum operand_fault linear(enum operand_segment segment, uint32_t rights, uint32_t limit,
				 bool code64, uint64_t offset, bool write, uint64_t *out)
{
	const struct operand_segment_state state = {
		.base = 0x1000, .limit = limit, .rights = rights};

	return operand_linear(segment, &state, code64, offset, 8, write, out);
}

Test(nested_operand, in_64_bit_code_only_fs_and_gs_have_a_base)
{
	uint64_t at = 0;

	cr_expect_eq(linear(OPERAND_DS, AR_UNUSABLE, 0, true, 0x10, true, &at), OPERAND_OK);
	cr_expect_eq(at, 0x10);
	cr_expect_eq(linear(OPERAND_FS, AR_UNUSABLE, 0, true, 0x10, true, &at), OPERAND_OK);
	cr_expect_eq(at, 0x1010);
}

Test(nested_operand, address_must_be_canonical)
{
	uint64_t top = UINT64_C(1) << 47, at;

	cr_expect_eq(linear(OPERAND_DS, 0, 0, true, top - 8, false, &at), OPERAND_OK);
	cr_expect_eq(linear(OPERAND_DS, 0, 0, true, top - 7, false, &at), OPERAND_GP);
	cr_expect_eq(linear(OPERAND_SS, 0, 0, true, top, false, &at), OPERAND_SS_FAULT);
	cr_expect_eq(linear(OPERAND_DS, 0, 0, true, -top, false, &at), OPERAND_OK);
}

Test(nested_operand, limit_holds_outside_64_bit_code)
{
	uint64_t at;

	cr_expect_eq(linear(OPERAND_DS, AR_DATA32, 0xfff, false, 0xff8, true, &at), OPERAND_OK);
	cr_expect_eq(at, 0x1ff8);
	cr_expect_eq(linear(OPERAND_DS, AR_DATA32, 0xfff, false, 0xff9, true, &at), OPERAND_GP);
	cr_expect_eq(linear(OPERAND_SS, AR_DATA32, 0xfff, false, 0xff9, true, &at),
		     OPERAND_SS_FAULT);
	cr_expect_eq(linear(OPERAND_DS, AR_UNUSABLE, 0xfff, false, 0, false, &at), OPERAND_GP);
}

Test(nested_operand, expand_down_segment_begins_behind_its_limit)
{
	uint32_t down = AR_DATA32 | 4;
	uint64_t at;

	cr_expect_eq(linear(OPERAND_DS, down, 0xfff, false, 0xfff, true, &at), OPERAND_GP);
	cr_expect_eq(linear(OPERAND_DS, down, 0xfff, false, 0x1000, true, &at), OPERAND_OK);
	cr_expect_eq(linear(OPERAND_DS, down, 0xfff, false, 0xfffffff9, true, &at), OPERAND_GP);
}

Test(nested_operand, rights_hold_outside_64_bit_code)
{
	uint64_t at;

	cr_expect_eq(linear(OPERAND_DS, 0xc091, 0xfff, false, 0, false, &at), OPERAND_OK);
	cr_expect_eq(linear(OPERAND_DS, 0xc091, 0xfff, false, 0, true, &at), OPERAND_GP,
		     "read-only");
	cr_expect_eq(linear(OPERAND_CS, AR_CODE32, 0xfff, false, 0, false, &at), OPERAND_OK);
	cr_expect_eq(linear(OPERAND_CS, AR_CODE32, 0xfff, false, 0, true, &at), OPERAND_GP, "code");
	cr_expect_eq(linear(OPERAND_CS, 0xc099, 0xfff, false, 0, false, &at), OPERAND_GP,
		     "execute-only");
}
