/* VMREAD and VMWRITE of a guest's guest on its hypervisor's shadow VMCS. */
#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/exit_reason.h"
#include "nested_rig.h"
#include "nesting/link.h"
#include "nesting/reflect.h"

#define LINK	    RIG_PAGE(5)
#define READ_BITS   RIG_PAGE(6)
#define WRITE_BITS  RIG_PAGE(7)
#define UNSUPPORTED 0x2ffe

static struct nested_rig rig;
static struct nested *const n = &rig.nested;

static void set(enum vmcs_field field, uint64_t value)
{
	cr_assert_eq(nested_vmwrite(n, field, value), NESTED_SUCCEED, "0x%x", field);
}

static void setup(void)
{
	nested_rig_start(&rig);
	set(VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_ACTIVATE_SECONDARY);
	set(VMCS_SECONDARY_CONTROLS, CONTROL_SECONDARY_VMCS_SHADOWING);
	set(VMCS_VMCS_LINK_POINTER, LINK);
	set(VMCS_VMREAD_BITMAP, READ_BITS);
	set(VMCS_VMWRITE_BITMAP, WRITE_BITS);
	for (unsigned i = 0; i < VMCS12_SLOTS; i++)
		rig.memory[6].slot[i] = rig.memory[7].slot[i] = 0;
	rig.memory[5].revision |= VMCS12_SHADOW;
	vmcs12_set(&rig.memory[5], VMCS_GUEST_RIP, 0x123456789abcdef0);
}

/* The bit of an encoding in the page of a bitmap. */
static void set_bit(struct vmcs12 *bitmap, uint32_t encoding)
{
	((uint8_t *)bitmap)[encoding / 8] |= (uint8_t)(1u << encoding % 8);
}

static bool exits(uint32_t reason, uint64_t field)
{
	const struct nested_exit e = {.reason = reason, .field = field};

	return nested_exit_is_l1s(n, &e);
}

Test(link, bitmaps_choose_the_exits, .init = setup)
{
	cr_expect_not(exits(EXIT_REASON_VMREAD, VMCS_GUEST_RIP));
	cr_expect_not(exits(EXIT_REASON_VMWRITE, VMCS_GUEST_RIP));
	cr_expect_not(exits(EXIT_REASON_VMREAD, 0x7fff));
	cr_expect(exits(EXIT_REASON_VMREAD, 0x8000));
	cr_expect(exits(EXIT_REASON_VMREAD, UINT64_C(1) << 32 | VMCS_GUEST_RIP));
	set_bit(&rig.memory[6], VMCS_GUEST_RIP);
	cr_expect(exits(EXIT_REASON_VMREAD, VMCS_GUEST_RIP));
	cr_expect_not(exits(EXIT_REASON_VMREAD, VMCS_GUEST_RIP + 1));
	cr_expect_not(exits(EXIT_REASON_VMREAD, VMCS_GUEST_RIP - 1));
	cr_expect_not(exits(EXIT_REASON_VMWRITE, VMCS_GUEST_RIP));
	set_bit(&rig.memory[7], 0x7fff);
	cr_expect(exits(EXIT_REASON_VMWRITE, 0x7fff));
	set(VMCS_VMREAD_BITMAP, RIG_OUTSIDE);
	cr_expect(exits(EXIT_REASON_VMREAD, VMCS_GUEST_RSP), "no memory floats high");
	set(VMCS_SECONDARY_CONTROLS, 0);
	cr_expect(exits(EXIT_REASON_VMWRITE, VMCS_GUEST_RIP), "without shadowing all do");
}

Test(link, accesses_go_to_the_region, .init = setup)
{
	uint64_t value = 0;

	cr_expect_eq(link_read(n, VMCS_GUEST_RIP, &value), NESTED_SUCCEED);
	cr_expect_eq(value, 0x123456789abcdef0);
	cr_expect_eq(link_write(n, VMCS_GUEST_CS_SELECTOR, 0xabcd1234), NESTED_SUCCEED);
	cr_expect_eq(vmcs12_get(&rig.memory[5], VMCS_GUEST_CS_SELECTOR), 0x1234, "16 bits");
	cr_expect_eq(link_write(n, VMCS_TSC_OFFSET, 0x1111111122222222), NESTED_SUCCEED);
	cr_expect_eq(link_write(n, VMCS_TSC_OFFSET | 1, 0x33333333), NESTED_SUCCEED);
	rig.memory[5].slot[vmcs12_slot(VMCS_GUEST_CS_LIMIT)] = UINT64_MAX;
	cr_expect_eq(link_read(n, VMCS_GUEST_CS_LIMIT, &value), NESTED_SUCCEED);
	cr_expect_eq(value, UINT32_MAX);
	cr_expect_eq(link_read(n, VMCS_TSC_OFFSET | 1, &value), NESTED_SUCCEED);
	cr_expect_eq(value, 0x33333333);
	cr_expect_eq(vmcs12_get(&rig.memory[5], VMCS_TSC_OFFSET), 0x3333333322222222);
	cr_expect_eq(rig.memory[5].revision, VMCS12_REVISION | VMCS12_SHADOW, "the header stays");
	cr_assert_eq(nested_vmread(n, VMCS_TSC_OFFSET, &value), NESTED_SUCCEED);
	cr_expect_eq(value, 0, "vmcs12 is another");
}

Test(link, failures_stand_in_the_vmcs_of_the_hypervisor, .init = setup)
{
	uint64_t value = RIG_NOT_ABSENT;

	cr_expect_eq(link_read(n, UNSUPPORTED, &value), NESTED_ERROR_UNSUPPORTED_FIELD);
	cr_expect_eq(value, RIG_NOT_ABSENT);
	cr_expect_eq(vmcs12_get(n->vmcs12, VMCS_INSTRUCTION_ERROR), NESTED_ERROR_UNSUPPORTED_FIELD);
	cr_expect_eq(link_write(n, VMCS_EXIT_REASON, 7), NESTED_SUCCEED);
	n->offered.misc &= ~VMX_MISC_WRITES_ANY_FIELD;
	cr_expect_eq(link_write(n, VMCS_EXIT_REASON, 9), NESTED_ERROR_VMWRITE_READ_ONLY);
	cr_expect_eq(vmcs12_get(&rig.memory[5], VMCS_EXIT_REASON), 7);
	cr_expect_eq(vmcs12_get(n->vmcs12, VMCS_INSTRUCTION_ERROR), NESTED_ERROR_VMWRITE_READ_ONLY);
	cr_expect_eq(link_write(n, UNSUPPORTED, 0), NESTED_ERROR_UNSUPPORTED_FIELD);
}

/* No region, and none where there is memory: both are L1's to have set, and harm nobody. */
Test(link, without_a_region_failures_are_invalid, .init = setup)
{
	static const uint64_t bad[] = {VMCS12_NO_ADDRESS, RIG_OUTSIDE, RIG_BEYOND};
	uint64_t value;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set(VMCS_VMCS_LINK_POINTER, bad[i]);
		cr_expect_eq(link_read(n, VMCS_GUEST_RIP, &value), NESTED_FAIL_INVALID);
		cr_expect_eq(link_write(n, VMCS_GUEST_RIP, 0), NESTED_FAIL_INVALID);
		link_prepare(n);
		cr_expect_eq(n->current, RIG_PAGE(2));
	}
}

Test(link, a_vmcs_that_is_its_own_shadow_stays_current, .init = setup)
{
	set(VMCS_VMCS_LINK_POINTER, RIG_PAGE(2));
	link_prepare(n);
	cr_expect_eq(n->current, RIG_PAGE(2));
}

/* What L0 has of it goes back to memory, where L2's accesses go. */
Test(link, an_active_region_is_put_back, .init = setup)
{
	uint64_t value = 0;

	cr_assert_eq(nested_vmptrld(n, LINK), NESTED_SUCCEED);
	set(VMCS_GUEST_RIP, 0x4444);
	cr_assert_eq(nested_vmptrld(n, RIG_PAGE(2)), NESTED_SUCCEED);
	link_prepare(n);
	cr_expect_eq(n->current, RIG_PAGE(2));
	cr_assert_eq(link_read(n, VMCS_GUEST_RIP, &value), NESTED_SUCCEED);
	cr_expect_eq(value, 0x4444);
	cr_assert_eq(link_write(n, VMCS_GUEST_RIP, 0x5555), NESTED_SUCCEED);
	cr_assert_eq(nested_vmptrld(n, LINK), NESTED_SUCCEED);
	cr_assert_eq(nested_vmread(n, VMCS_GUEST_RIP, &value), NESTED_SUCCEED);
	cr_expect_eq(value, 0x5555, "L1 finds what L2 has written");
}
