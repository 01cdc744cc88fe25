/* vmcs12: its layout against the rules of encodings, and accesses as the processor has them. */
#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/vmx/controls.h"
#include "nesting/vmcs12.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EVERYTHING   (UINT64_C(0xffffffff) << 32)

static const uint16_t encodings[] = {
#define VMCS_FIELD(encoding, ...) encoding,
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
};

static struct vmcs12_layout layout;

static struct control_capabilities offered;

static void offer(uint64_t controls)
{
	for (unsigned w = 0; w < CONTROL_WORDS; w++)
		offered.msr[w] = controls;
	vmcs12_layout_init(&layout, &offered);
}

Test(vmcs12, has_a_place_of_its_own_for_every_field)
{
	bool taken[VMCS12_SLOTS] = {false};

	for (size_t i = 0; i < COUNT(encodings); i++) {
		unsigned slot = vmcs12_slot(encodings[i]);

		cr_assert_lt(slot, VMCS12_SLOTS, "0x%x", encodings[i]);
		cr_expect_geq(slot, VMCS12_HEADER_SLOTS, "0x%x", encodings[i]);
		cr_expect_not(taken[slot], "0x%x", encodings[i]);
		taken[slot] = true;
	}
}

Test(vmcs12, names_the_highest_index)
{
	const uint64_t controls[] = {0, EVERYTHING};

	for (size_t i = 0; i < COUNT(controls); i++) {
		uint64_t highest = 0;

		offer(controls[i]);
		for (uint64_t e = 0; e < 0x10000; e++)
			if (vmcs12_find(&layout, e) && (e >> 1 & 0x1ff) > highest)
				highest = e >> 1 & 0x1ff;
		cr_expect_eq(vmcs12_highest_index(&offered), highest, "controls %#lx", controls[i]);
	}
}

Test(vmcs12, finds_what_is_offered_and_nothing_else)
{
	offer(EVERYTHING);
	for (uint64_t e = 0; e < 0x10000; e++) {
		const struct vmcs12_field *field = vmcs12_find(&layout, e);
		bool listed = false;

		for (size_t i = 0; i < COUNT(encodings); i++)
			listed |= encodings[i] == e ||
				  (encodings[i] + 1u == e && vmcs_width(e) == VMCS_WIDTH_64);
		if (!listed)
			cr_expect_null(field, "0x%lx", e);
		if (field)
			cr_expect_eq(field->encoding, e & ~UINT64_C(1), "0x%lx", e);
	}
	cr_expect_not_null(vmcs12_find(&layout, VMCS_EPT_POINTER));
	cr_expect_not_null(vmcs12_find(&layout, VMCS_EPT_POINTER + 1));
	cr_expect_null(vmcs12_find(&layout, VMCS_ENCLS_EXITING_BITMAP), "never exists");
}

Test(vmcs12, has_no_field_of_a_control_that_is_not_offered)
{
	offer(0);
	cr_expect_null(vmcs12_find(&layout, VMCS_EPT_POINTER));
	cr_expect_null(vmcs12_find(&layout, VMCS_VPID));
	cr_expect_null(vmcs12_find(&layout, VMCS_SECONDARY_CONTROLS));
	cr_expect_not_null(vmcs12_find(&layout, VMCS_GUEST_RIP));
	cr_expect_not_null(vmcs12_find(&layout, VMCS_PRIMARY_CONTROLS));
}

Test(vmcs12, knows_no_encoding_with_reserved_bits)
{
	offer(EVERYTHING);
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t e = VMCS_GUEST_RIP | UINT64_C(1) << bit;

		if (e != VMCS_GUEST_RIP && (UINT64_C(1) << bit & ~UINT64_C(0x6c3e)))
			cr_expect_null(vmcs12_find(&layout, e), "bit %u", bit);
	}
}

Test(vmcs12, field_use_agrees_with_its_type)
{
	static const bool fits[4][VMCS12_USES] = {
		{[VMCS12_CONTROL] = true, [VMCS12_COPY] = true},
		{[VMCS12_INFO] = true, [VMCS12_CONTROL] = true},
		{[VMCS12_GUEST] = true, [VMCS12_COMPOSED] = true, [VMCS12_CONTROL] = true},
		{[VMCS12_HOST] = true},
	};

	offer(EVERYTHING);
	for (size_t i = 0; i < COUNT(encodings); i++) {
		const struct vmcs12_field *field = vmcs12_find(&layout, encodings[i]);

		if (!field)
			continue;
		cr_expect(fits[encodings[i] >> 10 & 3][field->use], "0x%x", encodings[i]);
		if (field->shadow == VMCS12_SHADOW_WRITE)
			cr_expect_eq(field->use, VMCS12_GUEST, "0x%x", encodings[i]);
		if (field->shadow == VMCS12_SHADOW_READ)
			cr_expect_eq(field->use, VMCS12_INFO, "0x%x", encodings[i]);
	}
}

Test(vmcs12, access_has_the_width_of_the_field)
{
	const uint64_t old = 0x1111222233334444, new = 0xaaaabbbbccccdddd;

	cr_expect_eq(vmcs12_merge(VMCS_GUEST_CS_SELECTOR, old, new), 0xdddd);
	cr_expect_eq(vmcs12_merge(VMCS_GUEST_CS_LIMIT, old, new), 0xccccdddd);
	cr_expect_eq(vmcs12_merge(VMCS_GUEST_RIP, old, new), new);
	cr_expect_eq(vmcs12_merge(VMCS_TSC_OFFSET, old, new), new);
	cr_expect_eq(vmcs12_merge(VMCS_TSC_OFFSET + 1, old, new), 0xccccdddd33334444);
	cr_expect_eq(vmcs12_part(VMCS_TSC_OFFSET, old), old);
	cr_expect_eq(vmcs12_part(VMCS_TSC_OFFSET + 1, old), 0x11112222);
}

Test(vmcs12, accessors_by_name_reach_the_same_place)
{
	static struct vmcs12 v;

	vmcs12_clear(&v);
	cr_expect_eq(v.revision, VMCS12_REVISION);
	cr_expect_not(v.launched);
	vmcs12_set(&v, VMCS_GUEST_RIP, 0x1234);
	cr_expect_eq(vmcs12_get(&v, VMCS_GUEST_RIP), 0x1234);
	cr_expect_eq(v.slot[vmcs12_slot(VMCS_GUEST_RIP)], 0x1234);
	cr_expect_eq(vmcs12_slot(VMCS_TSC_OFFSET + 1), vmcs12_slot(VMCS_TSC_OFFSET));
}
