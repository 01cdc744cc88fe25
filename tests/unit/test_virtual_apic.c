/* L2's APIC: the pages it is in, what of an x2APIC is there, posted interrupts. */
#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/msr.h"
#include "nested_rig.h"
#include "nesting/virtual_apic.h"

#define NO_APIC	   0x76000000u
#define MERGED_MSR 0x75000000u
#define PAGE	   9 /* L1's: virtual APIC, APIC access, descriptor, MSR bitmap */
#define ACCESSED   10
#define POSTED	   11
#define BITMAP	   12
#define VTPR	   0x80
#define VIRR	   0x200

#define SHADOW	  CONTROL_PRIMARY_USE_TPR_SHADOW
#define SECONDARY ((uint32_t)CONTROL_PRIMARY_ACTIVATE_SECONDARY)
#define BITMAPS	  ((uint32_t)CONTROL_PRIMARY_USE_MSR_BITMAPS)
#define ACCESSES  CONTROL_SECONDARY_VIRTUALIZE_APIC_ACCESSES
#define X2APIC	  CONTROL_SECONDARY_VIRTUALIZE_X2APIC
#define REGISTERS CONTROL_SECONDARY_APIC_REGISTER_VIRTUALIZATION
#define DELIVERY  CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY

static struct nested_rig rig;
static struct nested *const n = &rig.nested;
static struct vmcs02_merged merged;
static uint64_t own_msr[512], merged_msr[512];
static uint8_t own_io[2 * 4096], merged_io[2 * 4096];
static struct vmcs02_base base;

static void set(enum vmcs_field field, uint64_t value)
{
	cr_assert_eq(nested_vmwrite(n, field, value), NESTED_SUCCEED, "0x%x", field);
}

static void update(void)
{
	const struct vmcs_ops to = nested_rig_vmcs02(&rig);

	if (virtual_apic_changed(n))
		virtual_apic_choose(n, &base);
	vmcs02_update(n, &base, &to);
}

static uint64_t v02(enum vmcs_field field)
{
	return vmcs12_get(rig.vmcs02, field);
}

static void use(uint32_t secondary)
{
	set(VMCS_PRIMARY_CONTROLS, SHADOW | SECONDARY | BITMAPS);
	set(VMCS_SECONDARY_CONTROLS, secondary);
}

static uint8_t *page(unsigned number)
{
	return (uint8_t *)&rig.memory[number];
}

static struct posted_descriptor *descriptor(void)
{
	return (struct posted_descriptor *)&rig.memory[POSTED];
}

static void setup(void)
{
	nested_rig_start(&rig);
	memset(own_msr, 0, sizeof(own_msr));
	memset(merged_msr, 0, sizeof(merged_msr));
	merged = (struct vmcs02_merged){.writes = 0};
	base = (struct vmcs02_base){
		.controls.word[CONTROL_PRIMARY] = SECONDARY | BITMAPS,
		.io_bitmaps = own_io,
		.merged_io = merged_io,
		.msr_bitmap = (uint8_t *)own_msr,
		.merged_msr = (uint8_t *)merged_msr,
		.merged_msr_hpa = MERGED_MSR,
		.merged = &merged,
		.no_apic = NO_APIC,
	};
	for (unsigned number = PAGE; number <= BITMAP; number++)
		memset(page(number), 0, VMCS12_BYTES);
	set(VMCS_VIRTUAL_APIC_PAGE_ADDR, RIG_PAGE(PAGE));
	set(VMCS_APIC_ACCESS_ADDR, RIG_PAGE(ACCESSED));
	set(VMCS_POSTED_INTR_DESC_ADDR, RIG_PAGE(POSTED));
	set(VMCS_POSTED_INTR_NV, 0xe3);
	set(VMCS_MSR_BITMAP, RIG_PAGE(BITMAP));
}

Test(virtual_apic, pages_are_l1s_memory_or_nobodys, .init = setup)
{
	use(ACCESSES | REGISTERS);
	update();
	cr_expect_eq(v02(VMCS_VIRTUAL_APIC_PAGE_ADDR), RIG_LENT + RIG_PAGE(PAGE));
	cr_expect_eq(v02(VMCS_APIC_ACCESS_ADDR), RIG_LENT + RIG_PAGE(ACCESSED));
	cr_expect_eq(v02(VMCS_SECONDARY_CONTROLS), ACCESSES | REGISTERS);
	set(VMCS_APIC_ACCESS_ADDR, RIG_OUTSIDE);
	update();
	cr_expect_eq(v02(VMCS_VIRTUAL_APIC_PAGE_ADDR), RIG_LENT + RIG_PAGE(PAGE));
	cr_expect_eq(v02(VMCS_APIC_ACCESS_ADDR), NO_APIC);
	set(VMCS_VIRTUAL_APIC_PAGE_ADDR, RIG_OUTSIDE);
	update();
	cr_expect_eq(v02(VMCS_VIRTUAL_APIC_PAGE_ADDR), NO_APIC);
	set(VMCS_VIRTUAL_APIC_PAGE_ADDR, RIG_PAGE(ACCESSED));
	set(VMCS_APIC_ACCESS_ADDR, RIG_PAGE(ACCESSED));
	update();
	cr_expect_eq(v02(VMCS_VIRTUAL_APIC_PAGE_ADDR), RIG_LENT + RIG_PAGE(ACCESSED));
	cr_expect_eq(v02(VMCS_APIC_ACCESS_ADDR), RIG_LENT + RIG_PAGE(ACCESSED), "one for both");
}

Test(virtual_apic, is_looked_for_when_its_control_comes_on, .init = setup)
{
	set(VMCS_PRIMARY_CONTROLS, 0);
	update();
	memset(rig.written, 0, sizeof(rig.written));
	cr_expect_not(virtual_apic_changed(n));
	use(ACCESSES);
	cr_expect(virtual_apic_changed(n));
	update();
	cr_expect_eq(v02(VMCS_APIC_ACCESS_ADDR), RIG_LENT + RIG_PAGE(ACCESSED));
	cr_expect_not(virtual_apic_changed(n));
	set(VMCS_GUEST_RIP, 0x1000);
	cr_expect_not(virtual_apic_changed(n));
}

Test(virtual_apic, fields_are_as_l1_writes_them, .init = setup)
{
	use(DELIVERY | REGISTERS | X2APIC);
	set(VMCS_GUEST_INTR_STATUS, 0x6152);
	set(VMCS_EOI_EXIT_BITMAP0, 1);
	set(VMCS_EOI_EXIT_BITMAP3, UINT64_MAX);
	update();
	cr_expect_eq(v02(VMCS_GUEST_INTR_STATUS), 0x6152);
	cr_expect_eq(v02(VMCS_EOI_EXIT_BITMAP0), 1);
	cr_expect_eq(v02(VMCS_EOI_EXIT_BITMAP3), UINT64_MAX);
	vmcs12_set(rig.vmcs02, VMCS_GUEST_INTR_STATUS, 0x5200);
	cr_expect_eq(nested_get(n, VMCS_GUEST_INTR_STATUS), 0x5200, "as the processor left it");
}

/* SDM volume 3, 30.5. */
static bool is_virtual(uint32_t secondary, uint32_t msr, bool write)
{
	if (!(secondary & X2APIC))
		return false;
	if (write)
		return msr == MSR_X2APIC_TPR ||
		       ((secondary & DELIVERY) &&
			(msr == MSR_X2APIC_EOI || msr == MSR_X2APIC_SELF_IPI));
	return msr == MSR_X2APIC_TPR || (secondary & REGISTERS);
}

static bool exits(uint32_t msr, bool write)
{
	const uint8_t *half = (uint8_t *)merged_msr + (write ? 2048 : 0);

	return half[msr / 8] >> msr % 8 & 1;
}

/* L0 leaves all of its guest's x2APIC alone, as with irq=apicv, and L1 does of its own guest's. */
Test(virtual_apic, l2_reaches_no_apic_but_its_own, .init = setup)
{
	static const uint32_t some[] = {0, X2APIC, REGISTERS, DELIVERY};

	for (unsigned of = 0; of < 1 << 4; of++) {
		uint32_t secondary = 0;

		for (unsigned i = 0; i < 4; i++)
			secondary |= of >> i & 1 ? some[i] : 0;
		use(secondary);
		update();
		cr_assert_eq(v02(VMCS_MSR_BITMAP), MERGED_MSR);
		for (uint32_t msr = MSR_X2APIC_FIRST - 64; msr <= MSR_X2APIC_LAST + 64; msr++) {
			bool apic = msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST;

			for (unsigned write = 0; write < 2; write++)
				cr_expect_eq(exits(msr, write),
					     apic && !is_virtual(secondary, msr, write),
					     "controls 0x%x msr 0x%x write %u", secondary, msr,
					     write);
		}
	}
}

Test(virtual_apic, what_l1_wants_to_know_of_exits, .init = setup)
{
	use(X2APIC | REGISTERS | DELIVERY);
	memset(page(BITMAP), 0xff, VMCS12_BYTES);
	update();
	for (uint32_t msr = MSR_X2APIC_FIRST; msr <= MSR_X2APIC_LAST; msr++)
		cr_expect(exits(msr, false) && exits(msr, true), "0x%x", msr);
	set(VMCS_MSR_BITMAP, RIG_OUTSIDE);
	update();
	cr_expect(exits(MSR_X2APIC_TPR, false), "no memory reads as ones");
}

Test(virtual_apic, accesses_are_those_to_the_page, .init = setup)
{
	use(ACCESSES);
	cr_expect(virtual_apic_is_accessed(n, RIG_PAGE(ACCESSED)));
	cr_expect(virtual_apic_is_accessed(n, RIG_PAGE(ACCESSED) + 4095));
	cr_expect_not(virtual_apic_is_accessed(n, RIG_PAGE(ACCESSED) - 1));
	cr_expect_not(virtual_apic_is_accessed(n, RIG_PAGE(ACCESSED) + 4096));
	use(REGISTERS);
	cr_expect_not(virtual_apic_is_accessed(n, RIG_PAGE(ACCESSED)));
}

static uint32_t requested(size_t word)
{
	uint32_t value;

	memcpy(&value, page(PAGE) + VIRR + 16 * word, sizeof(value));
	return value;
}

Test(virtual_apic, notification_is_one_vector_where_l1_posts, .init = setup)
{
	set(VMCS_PIN_BASED_CONTROLS, CONTROL_PIN_POSTED_INTERRUPTS);
	cr_expect(virtual_apic_is_notified(n, 0xe3));
	cr_expect_not(virtual_apic_is_notified(n, 0xe2));
	set(VMCS_PIN_BASED_CONTROLS, ~(uint64_t)CONTROL_PIN_POSTED_INTERRUPTS);
	cr_expect_not(virtual_apic_is_notified(n, 0xe3));
}

Test(virtual_apic, every_vector_can_be_posted, .init = setup)
{
	for (unsigned vector = 0; vector < 256; vector++) {
		memset(page(PAGE), 0, VMCS12_BYTES);
		descriptor()->requests[vector / 64] = UINT64_C(1) << vector % 64;
		descriptor()->control = UINT64_MAX;
		cr_expect_eq(virtual_apic_take_posted(n, 0x3000), 0x3000 | vector);
		cr_expect_eq(descriptor()->requests[vector / 64], 0);
		cr_expect_eq(descriptor()->control, UINT64_MAX - 1, "the rest is software's");
		for (unsigned word = 0; word < 8; word++)
			cr_expect_eq(requested(word), word == vector / 32 ? 1u << vector % 32 : 0,
				     "vector %u", vector);
	}
}

Test(virtual_apic, what_is_posted_joins_what_is_requested, .init = setup)
{
	page(PAGE)[VIRR + 16 * 5] = 1;
	descriptor()->requests[1] = UINT64_C(1) << 63;
	descriptor()->requests[2] = UINT64_C(1) << 33;
	cr_expect_eq(virtual_apic_take_posted(n, 0x00a0), 0x00a1);
	cr_expect_eq(requested(3), 1u << 31);
	cr_expect_eq(requested(5), 3);
	descriptor()->requests[0] = UINT64_C(1) << 32;
	cr_expect_eq(virtual_apic_take_posted(n, 0x00a1), 0x00a1, "one is higher already");
	cr_expect_eq(virtual_apic_take_posted(n, 0x00a1), 0x00a1, "there is nothing");
}

Test(virtual_apic, posted_where_there_is_no_memory, .init = setup)
{
	set(VMCS_POSTED_INTR_DESC_ADDR, RIG_OUTSIDE);
	cr_expect_eq(virtual_apic_take_posted(n, 0x4050), 0x40ff, "reads float high");
	for (unsigned word = 0; word < 8; word++)
		cr_expect_eq(requested(word), UINT32_MAX);
	set(VMCS_VIRTUAL_APIC_PAGE_ADDR, RIG_OUTSIDE);
	set(VMCS_POSTED_INTR_DESC_ADDR, RIG_PAGE(POSTED));
	descriptor()->requests[3] = 1;
	cr_expect_eq(virtual_apic_take_posted(n, 0), 0xc0);
	/* The last 64 bytes of memory. */
	set(VMCS_POSTED_INTR_DESC_ADDR, RIG_PAGE(RIG_PAGES) - 64);
	memset(page(RIG_PAGES - 1), 0, VMCS12_BYTES);
	cr_expect_eq(virtual_apic_take_posted(n, 0), 0);
}

/* SDM volume 3, 30.2.1 and 30.1.3: classes are compared, and equal ones wait. */
Test(virtual_apic, pending_is_what_neither_priority_nor_service_holds_back, .init = setup)
{
	static const struct {
		uint16_t status;
		uint8_t vtpr;
		bool pending;
	} rows[] = {
		{0x0000, 0x00, false}, {0x000f, 0x00, false}, {0x0010, 0x00, true},
		{0x0061, 0x60, false}, {0x0061, 0x5f, true},  {0x0061, 0x61, false},
		{0x6061, 0x00, false}, {0x5f61, 0x00, true},  {0x5061, 0x70, false},
		{0x70ff, 0x00, true},  {0x00ff, 0xff, false}, {0x3020, 0x00, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		page(PAGE)[VTPR] = rows[i].vtpr;
		cr_expect_eq(virtual_apic_is_pending(n, rows[i].status), rows[i].pending, "row %zu",
			     i);
	}
}
