/* VMCS shadowing: what L1 reaches without an exit, and how both sides learn what the other wrote.
 */
#include <criterion/criterion.h>

#include "nested_rig.h"
#include "nesting/shadowing.h"

static struct nested_rig rig;
static struct nested *const n = &rig.nested;
static uint8_t reads[SHADOWING_BITMAP_BYTES], writes[SHADOWING_BITMAP_BYTES];

static void start(void)
{
	nested_rig_start(&rig);
	shadowing_init(n, reads, writes);
}

static bool exits(const uint8_t *bitmap, unsigned encoding)
{
	return bitmap[encoding / 8] >> encoding % 8 & 1;
}

Test(shadowing, what_the_table_names_does_not_exit)
{
	unsigned readable = 0, writable = 0;

	start();
	for (unsigned encoding = 0; encoding < 8 * SHADOWING_BITMAP_BYTES; encoding++) {
		const struct vmcs12_field *field = vmcs12_find(&n->layout, encoding);
		enum vmcs12_shadow shadow = field ? field->shadow : VMCS12_SHADOW_NO;

		readable += !exits(reads, encoding);
		writable += !exits(writes, encoding);
		cr_expect_eq(exits(reads, encoding), shadow == VMCS12_SHADOW_NO, "0x%x", encoding);
		cr_expect_eq(exits(writes, encoding), shadow != VMCS12_SHADOW_WRITE, "0x%x",
			     encoding);
	}
	cr_expect_gt(writable, 0);
	cr_expect_gt(readable, writable);
	cr_expect_not(exits(reads, VMCS_GUEST_PHYSICAL_ADDRESS + 1), "its upper half, too");
	cr_expect(exits(writes, VMCS_EXIT_REASON));
}

/* What L1 can write is compared on each entry, whatever is offered. */
Test(shadowing, writable_fields_exist_always)
{
	static const struct {
		uint8_t exists, shadow;
		const char *name;
	} rows[] = {
#define ALWAYS		  1
#define NEVER		  0
#define IF(WORD, control) 0
#define VMCS_FIELD(encoding, NAME, setup, exists, use, shadow) \
	{exists, VMCS12_SHADOW_##shadow, #NAME},
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
#undef IF
#undef NEVER
#undef ALWAYS
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect(rows[i].exists || rows[i].shadow != VMCS12_SHADOW_WRITE, "%s",
			  rows[i].name);
}

/* A field of a control that is not offered has to fail, which takes an exit. */
Test(shadowing, what_does_not_exist_exits)
{
	nested_rig_start(&rig);
	n->layout.field[vmcs12_slot(VMCS_GUEST_PHYSICAL_ADDRESS)].use = VMCS12_ABSENT;
	shadowing_init(n, reads, writes);
	cr_expect(exits(reads, VMCS_GUEST_PHYSICAL_ADDRESS));
	cr_expect_not(exits(reads, VMCS_EXIT_REASON));
}

Test(shadowing, what_the_copy_holds_goes_to_vmcs02)
{
	struct vmcs_ops to;

	start();
	to = nested_rig_vmcs02(&rig);
	cr_expect(shadowing_pending(n), "all of a VMCS that has become current");
	nested_vmwrite(n, VMCS_GUEST_RSP, 0x7000);
	nested_vmwrite(n, VMCS_GUEST_TR_BASE, 0x5000);
	nested_vmwrite(n, VMCS_EXIT_REASON, 48);
	shadowing_put(n, &to);
	cr_expect_eq(vmcs12_get(rig.vmcs02, VMCS_GUEST_RSP), 0x7000);
	cr_expect_eq(vmcs12_get(rig.vmcs02, VMCS_EXIT_REASON), 48);
	cr_expect_not(rig.written[vmcs12_slot(VMCS_GUEST_TR_BASE)], "L1 reads that with an exit");
	cr_expect(nested_holds(n, vmcs12_slot(VMCS_GUEST_TR_BASE)));
	cr_expect_not(shadowing_pending(n));
	nested_set(n, VMCS_EXIT_QUALIFICATION, 1);
	cr_expect(shadowing_pending(n));
}

/* As after an exit: vmcs02 has what L2 left. */
static struct vmcs_ops exited(void)
{
	struct vmcs_ops vmcs02;

	start();
	vmcs02 = nested_rig_vmcs02(&rig);
	shadowing_put(n, &vmcs02);
	vmcs12_set(rig.vmcs02, VMCS_GUEST_RIP, 0x1000);
	vmcs12_set(rig.vmcs02, VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
	shadowing_note(n, &vmcs02);
	n->changed = 0;
	return vmcs02;
}

Test(shadowing, what_l2_left_is_no_change)
{
	struct vmcs_ops vmcs02 = exited();

	shadowing_take(n, &vmcs02);
	cr_expect_eq(n->changed, 0);
	cr_expect_eq(vmcs12_get(n->vmcs12, VMCS_GUEST_RIP), 0x1000);
}

/* L1 can write any such field: each is seen, and counts for the checks that read it. */
Test(shadowing, what_l1_writes_is_checked)
{
	unsigned writable = 0;

	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++) {
		struct vmcs_ops vmcs02 = exited();
		const struct vmcs12_field *field = &n->layout.field[slot];

		if (field->shadow != VMCS12_SHADOW_WRITE)
			continue;
		writable++;
		rig.vmcs02[0].slot[slot] ^= 1;
		shadowing_take(n, &vmcs02);
		cr_expect_eq(n->vmcs12->slot[slot], rig.vmcs02[0].slot[slot], "0x%x",
			     field->encoding);
		cr_expect_eq(n->changed, n->rules.groups[slot], "0x%x", field->encoding);
	}
	cr_expect_gt(writable, 0);
}

Test(shadowing, virtual_8086_mode_concerns_more_than_rflags)
{
	struct vmcs_ops vmcs02 = exited();

	vmcs12_set(rig.vmcs02, VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_VM);
	shadowing_take(n, &vmcs02);
	cr_expect(n->changed & ENTRY_CHANGED(VM86));
}

/* What L1 has written without an exit is in its memory after a VMCLEAR. */
Test(shadowing, vmclear_stores_what_l1_has_written)
{
	exited();
	vmcs12_set(rig.vmcs02, VMCS_GUEST_RSP, 0x6000);
	cr_assert_eq(nested_vmclear(n, RIG_PAGE(2)), NESTED_SUCCEED);
	cr_expect_eq(vmcs12_get(&rig.memory[2], VMCS_GUEST_RSP), 0x6000);
}
