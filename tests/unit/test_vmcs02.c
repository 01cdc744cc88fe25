/* vmcs02: what it is made of, and what it may never contain, whatever L1 writes. */
#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "nested_rig.h"
#include "random.h"

#define ROUNDS	   100000
#define L0_EPT	   0x7000001eu
#define L0_EPT02   0x7100001eu
#define L0_IO	   0x72000000u
#define L0_MSR	   0x73000000u
#define MERGED_IO  0x74000000u
#define MERGED_MSR 0x75000000u
#define L0_VPID	   9
#define L0_APIC	   0x72000000u

static struct nested_rig rig;
static struct nested *const n = &rig.nested;
static uint64_t io[1024], msr[512], merged_io[1024], merged_msr[512];

static struct vmcs02_merged merged;
static uint64_t multiplier = TSC_MULTIPLIER_1; /* of L1 */
static uint64_t writes;

static struct vmcs02_base base(void)
{
	return (struct vmcs02_base){
		.controls.word =
			{
				[CONTROL_PIN] = 0x16 | CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING |
						CONTROL_PIN_NMI_EXITING,
				[CONTROL_PRIMARY] = 0x04006172 | CONTROL_PRIMARY_HLT_EXITING |
						    CONTROL_PRIMARY_MWAIT_EXITING |
						    CONTROL_PRIMARY_MONITOR_EXITING |
						    CONTROL_PRIMARY_RDPMC_EXITING |
						    CONTROL_PRIMARY_USE_IO_BITMAPS |
						    (uint32_t)CONTROL_PRIMARY_USE_MSR_BITMAPS |
						    (uint32_t)CONTROL_PRIMARY_ACTIVATE_SECONDARY,
				[CONTROL_SECONDARY] = CONTROL_SECONDARY_ENABLE_EPT |
						      CONTROL_SECONDARY_ENABLE_VPID |
						      CONTROL_SECONDARY_WBINVD_EXITING,
				[CONTROL_EXIT] = 0x36dfb | CONTROL_EXIT_HOST_ADDRESS_SPACE_SIZE |
						 CONTROL_EXIT_LOAD_IA32_EFER,
				[CONTROL_ENTRY] = 0x11fb | CONTROL_ENTRY_ENTRY_LOAD_IA32_EFER,
			},
		.exceptions = BIT(VECTOR_MC),
		.io_bitmaps = (uint8_t *)io,
		.msr_bitmap = (uint8_t *)msr,
		.io_bitmaps_hpa = L0_IO,
		.msr_bitmap_hpa = L0_MSR,
		.merged_io = (uint8_t *)merged_io,
		.merged_msr = (uint8_t *)merged_msr,
		.merged_io_hpa = MERGED_IO,
		.merged_msr_hpa = MERGED_MSR,
		.merged = &merged,
		.writes = writes,
		.tsc = {.multiplier = multiplier, .offset = 1000},
		.ept01 = L0_EPT,
		.ept02 = L0_EPT02,
		.vpid = L0_VPID,
		.virtual_apic = L0_APIC,
		.cr0_fixed = CR0_NE,
		.cr4_fixed = CR4_VMXE,
	};
}

static void update(void)
{
	const struct vmcs02_base b = base();
	const struct vmcs_ops to = nested_rig_vmcs02(&rig);

	vmcs02_update(n, &b, &to);
}

static uint64_t v02(enum vmcs_field field)
{
	return vmcs12_get(rig.vmcs02, field);
}

static void set(enum vmcs_field field, uint64_t value)
{
	cr_assert_eq(nested_vmwrite(n, field, value), NESTED_SUCCEED, "0x%x", field);
}

static void setup(void)
{
	nested_rig_start(&rig);
	n->cr0_owned = CR0_CD | CR0_NW;
	n->cr4_owned = CR4_MCE;
	memset(io, 0, sizeof(io));
	memset(msr, 0, sizeof(msr));
	merged = (struct vmcs02_merged){.writes = 0};
	writes = 0;
	io[3] = msr[7] = 0xff00;
	update();
}

Test(vmcs02, only_what_was_written_is_written, .init = setup)
{
	memset(rig.written, 0, sizeof(rig.written));
	set(VMCS_GUEST_RIP, 0x2000);
	update();
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++)
		cr_expect_eq(rig.written[slot], slot == vmcs12_slot(VMCS_GUEST_RIP), "slot %u",
			     slot);
	cr_expect_eq(v02(VMCS_GUEST_RIP), 0x2000);
}

Test(vmcs02, the_task_priority_is_in_l1s_page_or_exits, .init = setup)
{
	const uint32_t exits = CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING;

	cr_expect_eq(v02(VMCS_PRIMARY_CONTROLS) & (exits | CONTROL_PRIMARY_USE_TPR_SHADOW), exits);
	set(VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_USE_TPR_SHADOW);
	set(VMCS_VIRTUAL_APIC_PAGE_ADDR, RIG_PAGE(9));
	set(VMCS_TPR_THRESHOLD, 5);
	update();
	cr_expect_eq(v02(VMCS_PRIMARY_CONTROLS) & (exits | CONTROL_PRIMARY_USE_TPR_SHADOW),
		     CONTROL_PRIMARY_USE_TPR_SHADOW);
	cr_expect_eq(v02(VMCS_VIRTUAL_APIC_PAGE_ADDR), L0_APIC, "as L0 has it in memory");
	cr_expect_eq(v02(VMCS_TPR_THRESHOLD), 5);
	set(VMCS_PRIMARY_CONTROLS,
	    CONTROL_PRIMARY_USE_TPR_SHADOW | CONTROL_PRIMARY_CR8_STORE_EXITING);
	update();
	cr_expect_eq(v02(VMCS_PRIMARY_CONTROLS) & exits, CONTROL_PRIMARY_CR8_STORE_EXITING);
}

Test(vmcs02, nothing_changed_means_nothing_written, .init = setup)
{
	memset(rig.written, 0, sizeof(rig.written));
	set(VMCS_EXCEPTION_BITMAP, vmcs12_get(rig.copy, VMCS_EXCEPTION_BITMAP));
	update();
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++)
		cr_expect_not(rig.written[slot], "slot %u", slot);
}

Test(vmcs02, bitmaps_are_the_union, .init = setup)
{
	uint64_t *page_io = rig.memory[5].slot, *page_msr = rig.memory[7].slot;

	page_io[3] = 0x00ff;
	page_msr[9] = 0x1;
	set(VMCS_IO_BITMAP_A, RIG_PAGE(5));
	set(VMCS_IO_BITMAP_B, RIG_PAGE(6));
	set(VMCS_MSR_BITMAP, RIG_PAGE(7));
	set(VMCS_PRIMARY_CONTROLS,
	    CONTROL_PRIMARY_USE_IO_BITMAPS | (uint32_t)CONTROL_PRIMARY_USE_MSR_BITMAPS);
	update();
	cr_expect_eq(v02(VMCS_IO_BITMAP_A), MERGED_IO);
	cr_expect_eq(v02(VMCS_IO_BITMAP_B), MERGED_IO + 4096);
	cr_expect_eq(v02(VMCS_MSR_BITMAP), MERGED_MSR);
	cr_expect_eq(merged_io[3], 0xffff);
	cr_expect_eq(merged_msr[7], 0xff00);
	cr_expect_eq(merged_msr[9] & 1, 1);
}

static void use_bitmaps(void)
{
	set(VMCS_IO_BITMAP_A, RIG_PAGE(5));
	set(VMCS_IO_BITMAP_B, RIG_PAGE(6));
	set(VMCS_MSR_BITMAP, RIG_PAGE(7));
	set(VMCS_PRIMARY_CONTROLS,
	    CONTROL_PRIMARY_USE_IO_BITMAPS | (uint32_t)CONTROL_PRIMARY_USE_MSR_BITMAPS);
	update();
}

Test(vmcs02, bitmaps_are_merged_again_where_l1_has_stored_to_them, .init = setup)
{
	use_bitmaps();
	cr_expect_eq(rig.watched, BIT(5) | BIT(6) | BIT(7));
	rig.memory[5].slot[3] = 0x1;
	rig.memory[6].slot[4] = 0x2;
	rig.memory[7].slot[9] = 0x4;
	update();
	cr_expect_eq(merged_io[3], 0xff00, "nobody has told of a store");
	rig.watched = 0;
	writes++;
	update();
	cr_expect_eq(merged_io[3], 0xff01);
	cr_expect_eq(merged_io[512 + 4], 0x2);
	cr_expect_eq(merged_msr[9], 0x4);
	cr_expect_eq(rig.watched, BIT(5) | BIT(6) | BIT(7), "and they are watched on");
}

Test(vmcs02, bitmaps_stay_merged_when_other_controls_change, .init = setup)
{
	use_bitmaps();
	rig.watched = 0;
	set(VMCS_EXCEPTION_BITMAP, BIT(VECTOR_UD));
	set(VMCS_MSR_BITMAP, RIG_PAGE(8));
	update();
	cr_expect_eq(rig.watched, BIT(8), "only the page that is another now is merged");
}

/* A page that was out of use meanwhile. */
Test(vmcs02, bitmaps_that_come_back_are_merged_again, .init = setup)
{
	use_bitmaps();
	set(VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING);
	rig.memory[5].slot[3] = 0x1;
	writes++;
	update();
	set(VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_USE_IO_BITMAPS);
	update();
	cr_expect_eq(merged_io[3], 0xff01);
}

Test(vmcs02, bitmaps_that_cannot_be_watched_are_merged_each_time, .init = setup)
{
	rig.unwatchable = true;
	use_bitmaps();
	rig.memory[7].slot[9] = 0x4;
	update();
	cr_expect_eq(merged_msr[9], 0x4);
}

/* What L0 leaves to no guest is not looked at; beside it L1 has its say. */
Test(vmcs02, bitmaps_are_looked_at_where_l0_leaves_something, .init = setup)
{
	memset(msr, 0xff, sizeof(msr));
	msr[2] = 0xff00;
	merged = (struct vmcs02_merged){0};
	use_bitmaps();
	for (size_t i = 0; i < sizeof(msr) / sizeof(msr[0]); i++)
		cr_expect_eq(merged_msr[i], i == 2 ? 0xff00 : UINT64_MAX, "word %zu", i);
	rig.memory[7].slot[2] = 0x1;
	writes++;
	update();
	cr_expect_eq(merged_msr[2], 0xff01);
	memset(msr, 0, sizeof(msr));
	writes++;
	update();
	cr_expect_eq(merged_msr[2], 0x1);
	cr_expect_eq(merged_msr[3], UINT64_MAX, "what was closed stays so");
	merged = (struct vmcs02_merged){0};
}

Test(vmcs02, bitmap_outside_memory_traps_all, .init = setup)
{
	set(VMCS_MSR_BITMAP, RIG_OUTSIDE);
	set(VMCS_PRIMARY_CONTROLS, (uint32_t)CONTROL_PRIMARY_USE_MSR_BITMAPS);
	update();
	for (unsigned i = 0; i < 512; i++)
		cr_assert_eq(merged_msr[i], UINT64_MAX);
}

Test(vmcs02, clocks_add_up, .init = setup)
{
	set(VMCS_TSC_OFFSET, 234);
	set(VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_TSC_OFFSETTING);
	update();
	cr_expect_eq(v02(VMCS_TSC_OFFSET), 1234);
	set(VMCS_PRIMARY_CONTROLS, 0);
	update();
	cr_expect_eq(v02(VMCS_TSC_OFFSET), 1000);
}

/* SDM volume 3, 26.3: without an offset of L1's there is no multiplier of its either. */
Test(vmcs02, multipliers_of_both_levels_make_one, .init = setup)
{
	const uint32_t scaling = CONTROL_SECONDARY_TSC_SCALING;
	const uint32_t on = (uint32_t)CONTROL_PRIMARY_ACTIVATE_SECONDARY;

	set(VMCS_TSC_OFFSET, 234);
	set(VMCS_TSC_MULTIPLIER, tsc_multiplier(1, 4));
	set(VMCS_SECONDARY_CONTROLS, scaling);
	set(VMCS_PRIMARY_CONTROLS, on | CONTROL_PRIMARY_TSC_OFFSETTING);
	update();
	cr_expect_eq(v02(VMCS_SECONDARY_CONTROLS) & scaling, scaling);
	cr_expect_eq(v02(VMCS_TSC_MULTIPLIER), tsc_multiplier(1, 4), "of L1 alone");
	cr_expect_eq(v02(VMCS_TSC_OFFSET), 1000 / 4 + 234);
	multiplier = tsc_multiplier(3, 1);
	set(VMCS_TSC_MULTIPLIER, tsc_multiplier(1, 2));
	update();
	cr_expect_eq(v02(VMCS_TSC_MULTIPLIER), tsc_multiplier(3, 2), "of both");
	cr_expect_eq(v02(VMCS_TSC_OFFSET), 1000 / 2 + 234);
	set(VMCS_PRIMARY_CONTROLS, on);
	update();
	cr_expect_eq(v02(VMCS_TSC_MULTIPLIER), tsc_multiplier(3, 1), "L1 adds nothing");
	cr_expect_eq(v02(VMCS_TSC_OFFSET), 1000);
	set(VMCS_SECONDARY_CONTROLS, 0);
	set(VMCS_PRIMARY_CONTROLS, on | CONTROL_PRIMARY_TSC_OFFSETTING);
	update();
	cr_expect_eq(v02(VMCS_SECONDARY_CONTROLS) & scaling, 0);
	cr_expect_eq(v02(VMCS_TSC_OFFSET), 1234);
}

/* L2 reads L1's shadow where L1 owns a bit, and what L1 set where L0 does. */
Test(vmcs02, control_registers_show_each_owner_its_own, .init = setup)
{
	set(VMCS_CR0_GUEST_HOST_MASK, CR0_TS);
	set(VMCS_CR0_READ_SHADOW, CR0_TS);
	set(VMCS_GUEST_CR0, CR0_PE | CR0_CD);
	update();
	cr_expect_eq(v02(VMCS_CR0_GUEST_HOST_MASK), CR0_TS | CR0_CD | CR0_NW);
	cr_expect_eq(v02(VMCS_CR0_READ_SHADOW), CR0_TS | CR0_PE | CR0_CD);
	cr_expect_eq(v02(VMCS_GUEST_CR0) & CR0_NE, CR0_NE);
	vmcs12_set(rig.vmcs02, VMCS_GUEST_CR0, CR0_PE | CR0_MP | CR0_NE);
	cr_expect_eq(nested_get(n, VMCS_GUEST_CR0), CR0_PE | CR0_MP | CR0_NE | CR0_CD);
}

/* Where L1 does not have the timer's value saved, each entry starts with what L1 has written. */
Test(vmcs02, the_timer_starts_anew_unless_it_is_saved, .init = setup)
{
	set(VMCS_PIN_BASED_CONTROLS, CONTROL_PIN_PREEMPTION_TIMER);
	set(VMCS_PREEMPTION_TIMER_VALUE, 700);
	update();
	cr_expect(v02(VMCS_PIN_BASED_CONTROLS) & CONTROL_PIN_PREEMPTION_TIMER);
	cr_expect_not(v02(VMCS_EXIT_CONTROLS) & CONTROL_EXIT_SAVE_PREEMPTION_TIMER);
	vmcs12_set(&rig.vmcs02[0], VMCS_PREEMPTION_TIMER_VALUE, 300);
	vmcs02_left(n);
	cr_expect_eq(nested_get(n, VMCS_PREEMPTION_TIMER_VALUE), 700);
	update();
	cr_expect_eq(v02(VMCS_PREEMPTION_TIMER_VALUE), 700);

	set(VMCS_EXIT_CONTROLS, CONTROL_EXIT_SAVE_PREEMPTION_TIMER);
	update();
	cr_expect(v02(VMCS_EXIT_CONTROLS) & CONTROL_EXIT_SAVE_PREEMPTION_TIMER);
	vmcs12_set(&rig.vmcs02[0], VMCS_PREEMPTION_TIMER_VALUE, 300);
	vmcs02_left(n);
	cr_expect_eq(nested_get(n, VMCS_PREEMPTION_TIMER_VALUE), 300);
	update();
	cr_expect_eq(v02(VMCS_PREEMPTION_TIMER_VALUE), 300);
}

Test(vmcs02, the_monitor_trap_flag_is_l1s, .init = setup)
{
	set(VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_MONITOR_TRAP_FLAG);
	update();
	cr_expect(v02(VMCS_PRIMARY_CONTROLS) & CONTROL_PRIMARY_MONITOR_TRAP_FLAG);
	set(VMCS_PRIMARY_CONTROLS, 0);
	update();
	cr_expect_not(v02(VMCS_PRIMARY_CONTROLS) & CONTROL_PRIMARY_MONITOR_TRAP_FLAG);
}

static bool superset(uint64_t value, uint64_t of)
{
	return !(of & ~value);
}

static void check_words(const struct vmcs02_base *b)
{
	const uint32_t *l0 = b->controls.word;
	uint32_t kept = CONTROL_PRIMARY_HLT_EXITING | CONTROL_PRIMARY_MWAIT_EXITING |
			CONTROL_PRIMARY_MONITOR_EXITING | CONTROL_PRIMARY_RDPMC_EXITING |
			(uint32_t)CONTROL_PRIMARY_ACTIVATE_SECONDARY;

	cr_assert(superset(v02(VMCS_PIN_BASED_CONTROLS), l0[CONTROL_PIN]));
	cr_assert(superset(v02(VMCS_PRIMARY_CONTROLS), kept));
	cr_assert(superset(v02(VMCS_SECONDARY_CONTROLS), l0[CONTROL_SECONDARY]));
	cr_assert_eq(v02(VMCS_EXIT_CONTROLS) & ~(uint64_t)CONTROL_EXIT_SAVE_PREEMPTION_TIMER,
		     l0[CONTROL_EXIT]);
	cr_assert(superset(v02(VMCS_ENTRY_CONTROLS), l0[CONTROL_ENTRY]));
	cr_assert(superset(v02(VMCS_EXCEPTION_BITMAP), b->exceptions));
	cr_assert(v02(VMCS_EPT_POINTER) == L0_EPT || v02(VMCS_EPT_POINTER) == L0_EPT02);
	cr_assert_eq(v02(VMCS_VPID), L0_VPID);
}

static void check_bitmaps(void)
{
	uint64_t primary = v02(VMCS_PRIMARY_CONTROLS);

	if (primary & CONTROL_PRIMARY_USE_IO_BITMAPS) {
		cr_assert(v02(VMCS_IO_BITMAP_A) == L0_IO || v02(VMCS_IO_BITMAP_A) == MERGED_IO);
		cr_assert_eq(v02(VMCS_IO_BITMAP_B), v02(VMCS_IO_BITMAP_A) + 4096);
		cr_assert(v02(VMCS_IO_BITMAP_A) == L0_IO || superset(merged_io[3], io[3]));
	} else {
		cr_assert(primary & CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING);
	}
	if (primary & CONTROL_PRIMARY_USE_MSR_BITMAPS) {
		cr_assert_eq(v02(VMCS_MSR_BITMAP), MERGED_MSR);
		cr_assert(superset(merged_msr[7], msr[7]));
	}
}

/* Nothing of the host, no area of MSRs, no other structure of L1's gets into vmcs02. */
static void check_untouched(void)
{
	static const enum vmcs_field never[] = {
		VMCS_EXIT_MSR_STORE_ADDR,  VMCS_EXIT_MSR_LOAD_ADDR,	VMCS_ENTRY_MSR_LOAD_ADDR,
		VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_LOAD_COUNT,	VMCS_ENTRY_MSR_LOAD_COUNT,
		VMCS_VMCS_LINK_POINTER,	   VMCS_EXECUTIVE_VMCS_POINTER,
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		cr_assert_not(rig.written[vmcs12_slot(never[i])], "0x%x", never[i]);
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++)
		if (n->layout.field[slot].use == VMCS12_HOST)
			cr_assert_not(rig.written[slot], "0x%x", n->layout.field[slot].encoding);
}

Test(vmcs02, never_contains_what_is_not_allowed, .init = setup)
{
	const struct vmcs02_base b = base();
	struct random random = {.state = 12};

	memset(rig.written, 0, sizeof(rig.written));
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < 8; i++) {
			unsigned slot = (unsigned)random_below(&random, VMCS12_SLOTS);
			const struct vmcs12_field *field = &n->layout.field[slot];
			uint64_t value = random_next(&random);

			if (field->use == VMCS12_ABSENT)
				continue;
			if (random_once_in(&random, 2))
				value = RIG_PAGE(value % (RIG_PAGES + 8));
			nested_vmwrite(n, field->encoding, value);
		}
		update();
		check_words(&b);
		check_bitmaps();
		check_untouched();
	}
}
