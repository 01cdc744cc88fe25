#include <criterion/criterion.h>

#include "telemetry/fee.h"
#include "telemetry/record.h"

Test(fee, every_exit_has_a_name_a_number_and_a_component)
{
	static const struct {
		uint16_t reason;
		const char *name;
	} exits[] = {
#define EXIT(number, NAME, COMPONENT, DETAIL, handler) {number, #NAME},
#include "l1vmm/vmx/exit_reasons.def"
#undef EXIT
	};

	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		cr_assert_not_null(exit_reason_name(exits[i].reason), "%s", exits[i].name);
		cr_expect_str_eq(exit_reason_name(exits[i].reason), exits[i].name);
		cr_expect_eq(exit_reason_by_name(exits[i].name), exits[i].reason);
		cr_expect_lt(fee_component(exits[i].reason, 0, 0), FEE_COMPONENTS, "%s",
			     exits[i].name);
	}
}

Test(fee, reasons_that_do_not_exist_have_neither_name_nor_component)
{
	/* Far behind the list, with the top bit set, and the last number of all. */
	static const uint16_t reasons[] = {1000, 0x8000, UINT16_MAX};
	static const char *const names[] = {"", "cpuid", "CPUI", "CPUIDS", "UNKNOWN"};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		cr_expect_null(exit_reason_name(reasons[i]), "%u", reasons[i]);
		cr_expect_eq(fee_component(reasons[i], 0, 0), FEE_COMPONENTS, "%u", reasons[i]);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cr_expect_eq(exit_reason_by_name(names[i]), -1, "%s", names[i]);
}

Test(fee, the_detail_decides_where_the_reason_does_not)
{
	static const struct {
		const char *reason;
		uint64_t detail;
		enum fee_component component;
		uint16_t flags;
	} rows[] = {
		{"CPUID", 0, FEE_EMULATION, 0},
		{"CPUID", UINT64_MAX, FEE_EMULATION, 0},
		{"EXTERNAL_INTERRUPT", 0, FEE_INTERRUPT, 0},
		{"EPT_VIOLATION", 0x182, FEE_MEMORY, 0},
		{"EPT_VIOLATION", 0x182, FEE_MEMORY, RECORD_F_IDT_VECTORING},
		{"EPT_VIOLATION", 0x182, FEE_EMULATION, RECORD_F_DEVICE},
		{"EPT_VIOLATION", 0x182, FEE_EMULATION, RECORD_F_DEVICE | RECORD_F_INJECTED},
		{"EXCEPTION_NMI", 0x1000, FEE_MEMORY, 0},
		{"EXCEPTION_NMI", 0x1000, FEE_DUPLICATION, RECORD_F_TABLE},
		{"EXCEPTION_NMI", 0x1000, FEE_EMULATION, RECORD_F_DEVICE},
		{"VMCALL", 0, FEE_EMULATION, 0},
		{"VMCALL", 1, FEE_MEMORY, 0},
		{"VMCALL", 1, FEE_DUPLICATION, RECORD_F_TABLE},
		{"VMCALL", 2, FEE_EMULATION, 0},
		{"INVALID_GUEST_STATE", 0, FEE_TRANSITION, 0},
		{"RDTSC", 0, FEE_TIMER, 0},
		/* MOV to CR0, CR3, CR4, CR8; MOV from CR3 into R15 (SDM table 27-3). */
		{"CR_ACCESS", 0x000, FEE_EMULATION, 0},
		{"CR_ACCESS", 0x003, FEE_MEMORY, 0},
		{"CR_ACCESS", 0x004, FEE_EMULATION, 0},
		{"CR_ACCESS", 0x008, FEE_INTERRUPT, 0},
		{"CR_ACCESS", 0xf13, FEE_MEMORY, 0},
		/* The x2APIC's range, both its ends and both neighbours. */
		{"MSR_WRITE", 0x7ff, FEE_EMULATION, 0},
		{"MSR_WRITE", 0x800, FEE_INTERRUPT, 0},
		{"MSR_READ", 0x8ff, FEE_INTERRUPT, 0},
		{"MSR_READ", 0x900, FEE_EMULATION, 0},
		/* IA32_TSC_DEADLINE and IA32_TIME_STAMP_COUNTER. */
		{"MSR_WRITE", 0x6e0, FEE_TIMER, 0},
		{"MSR_READ", 0x6e0, FEE_TIMER, 0},
		{"MSR_WRITE", 0x10, FEE_TIMER, 0},
		{"MSR_READ", 0x10, FEE_TIMER, 0},
		{"MSR_READ", 0x11, FEE_EMULATION, 0},
		{"MSR_WRITE", 0xc0000080, FEE_EMULATION, 0},
		/* The upper half of RCX does not name an MSR. */
		{"MSR_WRITE", 0xdead000006e0, FEE_TIMER, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int reason = exit_reason_by_name(rows[i].reason);

		cr_assert_geq(reason, 0, "%s", rows[i].reason);
		cr_expect_eq(fee_component((uint16_t)reason, rows[i].detail, rows[i].flags),
			     rows[i].component, "%s %#lx", rows[i].reason,
			     (unsigned long)rows[i].detail);
	}
}

Test(fee, components_have_names_and_texts)
{
	static const char *const names[] = {"transition", "emulation", "interrupt",
					    "memory",	  "timer",     "duplication"};

	cr_assert_eq(FEE_COMPONENTS, 6);
	for (int i = 0; i < FEE_COMPONENTS; i++) {
		cr_expect_str_eq(fee_component_name(i), names[i]);
		cr_expect_str_not_empty(fee_component_text(i));
	}
	cr_expect_str_eq(fee_component_name(FEE_COMPONENTS), "none");
	cr_expect_str_empty(fee_component_text(FEE_COMPONENTS));
}
