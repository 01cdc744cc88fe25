/* Exits from L2: whose they are. */
#include <criterion/criterion.h>

#include "l1vmm/vmx/exit_reason.h"
#include "nested_rig.h"
#include "nesting/reflect.h"

static struct nested_rig rig;
static struct nested *const n = &rig.nested;

static void setup(void)
{
	nested_rig_start(&rig);
}

static void set(enum vmcs_field field, uint64_t value)
{
	cr_assert_eq(nested_vmwrite(n, field, value), NESTED_SUCCEED, "0x%x", field);
}

static bool is_l1s(uint32_t reason)
{
	const struct nested_exit e = {.reason = reason};

	return nested_exit_is_l1s(n, &e);
}

/* An exit that one control asks for is L1's exactly where L1 has set it. */
Test(reflect, what_a_control_asks_for, .init = setup)
{
	static const struct {
		uint32_t reason;
		enum vmcs_field word;
		uint32_t control;
	} rows[] = {
		{EXIT_REASON_INTERRUPT_WINDOW, VMCS_PRIMARY_CONTROLS,
		 CONTROL_PRIMARY_INTERRUPT_WINDOW_EXITING},
		{EXIT_REASON_NMI_WINDOW, VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_NMI_WINDOW_EXITING},
		{EXIT_REASON_MONITOR_TRAP_FLAG, VMCS_PRIMARY_CONTROLS,
		 CONTROL_PRIMARY_MONITOR_TRAP_FLAG},
		{EXIT_REASON_HLT, VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_HLT_EXITING},
		{EXIT_REASON_INVLPG, VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_INVLPG_EXITING},
		{EXIT_REASON_RDPMC, VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_RDPMC_EXITING},
		{EXIT_REASON_RDTSC, VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_RDTSC_EXITING},
		{EXIT_REASON_RDTSCP, VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_RDTSC_EXITING},
		{EXIT_REASON_DR_ACCESS, VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_MOV_DR_EXITING},
		{EXIT_REASON_MWAIT, VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_MWAIT_EXITING},
		{EXIT_REASON_MONITOR, VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_MONITOR_EXITING},
		{EXIT_REASON_PAUSE, VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_PAUSE_EXITING},
		{EXIT_REASON_GDTR_IDTR_ACCESS, VMCS_SECONDARY_CONTROLS,
		 CONTROL_SECONDARY_DESCRIPTOR_TABLE_EXITING},
		{EXIT_REASON_LDTR_TR_ACCESS, VMCS_SECONDARY_CONTROLS,
		 CONTROL_SECONDARY_DESCRIPTOR_TABLE_EXITING},
		{EXIT_REASON_WBINVD, VMCS_SECONDARY_CONTROLS, CONTROL_SECONDARY_WBINVD_EXITING},
		{EXIT_REASON_RDRAND, VMCS_SECONDARY_CONTROLS, CONTROL_SECONDARY_RDRAND_EXITING},
		{EXIT_REASON_RDSEED, VMCS_SECONDARY_CONTROLS, CONTROL_SECONDARY_RDSEED_EXITING},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t base = rows[i].word == VMCS_SECONDARY_CONTROLS
					? (uint32_t)CONTROL_PRIMARY_ACTIVATE_SECONDARY
					: 0;

		set(VMCS_PRIMARY_CONTROLS, base);
		set(rows[i].word, ~rows[i].control | base);
		cr_expect_not(is_l1s(rows[i].reason), "reason %u", rows[i].reason);
		set(rows[i].word, rows[i].control | base);
		cr_expect(is_l1s(rows[i].reason), "reason %u", rows[i].reason);
		set(VMCS_SECONDARY_CONTROLS, 0);
	}
}

/* SDM volume 3, 26.1.2. */
Test(reflect, what_exits_whatever_the_controls_say, .init = setup)
{
	static const uint32_t always[] = {
		EXIT_REASON_TRIPLE_FAULT,
		EXIT_REASON_TASK_SWITCH,
		EXIT_REASON_CPUID,
		EXIT_REASON_VMCALL,
		EXIT_REASON_PREEMPTION_TIMER,
		EXIT_REASON_XSETBV,
		EXIT_REASON_TPR_BELOW_THRESHOLD,
		EXIT_REASON_APIC_ACCESS,
		EXIT_REASON_VIRTUALIZED_EOI,
		EXIT_REASON_APIC_WRITE,
	};

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		cr_expect(is_l1s(always[i]), "reason %u", always[i]);
	cr_expect_not(is_l1s(EXIT_REASON_EXTERNAL_INTERRUPT), "the machine's");
}

/* Without the flag, too: SDM volume 3, 27.7.2. */
Test(reflect, a_pending_mtf_exit_is_of_the_one_who_injected_it, .init = setup)
{
	set(VMCS_ENTRY_INTR_INFO, INTR_INFO_VALID | INTR_TYPE_OTHER);
	cr_expect(is_l1s(EXIT_REASON_MONITOR_TRAP_FLAG));
	set(VMCS_ENTRY_INTR_INFO, INTR_INFO_VALID | INTR_TYPE_EXTERNAL | 0x50);
	cr_expect_not(is_l1s(EXIT_REASON_MONITOR_TRAP_FLAG));
	set(VMCS_ENTRY_INTR_INFO, INTR_TYPE_OTHER);
	cr_expect_not(is_l1s(EXIT_REASON_MONITOR_TRAP_FLAG));
}

Test(reflect, nmis_are_the_machines_and_exceptions_as_the_bitmap_says, .init = setup)
{
	struct nested_exit e = {.reason = EXIT_REASON_EXCEPTION_NMI,
				.intr_info = INTR_INFO_VALID | INTR_TYPE_NMI | VECTOR_NMI};

	set(VMCS_EXCEPTION_BITMAP, BIT(VECTOR_NMI) | BIT(VECTOR_DF));
	cr_expect_not(nested_exit_is_l1s(n, &e));
	e.intr_info = INTR_INFO_VALID | INTR_TYPE_EXCEPTION | INTR_INFO_ERROR_CODE | VECTOR_DF;
	cr_expect(nested_exit_is_l1s(n, &e));
	e.intr_info ^= VECTOR_DF ^ VECTOR_GP;
	cr_expect_not(nested_exit_is_l1s(n, &e));
}
