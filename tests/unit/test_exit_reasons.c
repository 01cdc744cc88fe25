/* The list of VM-exit reasons against Linux's, and against what the SDM says of qualifications. */
#include <asm/vmx.h>
#include <criterion/criterion.h>
#include <string.h>

#include "telemetry/fee.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct exit {
	unsigned number;
	const char *name, *detail, *handler;
};

static const struct exit exits[] = {
#define EXIT(number, NAME, COMPONENT, DETAIL, handler) {number, #NAME, #DETAIL, #handler},
#include "l1vmm/vmx/exit_reasons.def"
#undef EXIT
};

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

Test(exit_reasons, are_numbered_without_holes)
{
	for (size_t i = 0; i < COUNT(exits); i++)
		cr_expect_eq(exits[i].number, i, "%s", exits[i].name);
}

Test(exit_reasons, have_names_of_their_own)
{
	for (size_t i = 0; i < COUNT(exits); i++)
		for (size_t j = 0; j < i; j++)
			cr_expect_str_neq(exits[i].name, exits[j].name);
}

/* What Linux calls otherwise than the SDM does. */
static const char *linux_name(const char *ours)
{
	static const char *const other[][2] = {
		{"SIPI", "SIPI_SIGNAL"},
		{"VMXOFF", "VMOFF"},
		{"VMXON", "VMON"},
		{"INVALID_GUEST_STATE", "INVALID_STATE"},
		{"MSR_LOADING", "MSR_LOAD_FAIL"},
		{"MWAIT", "MWAIT_INSTRUCTION"},
		{"MONITOR", "MONITOR_INSTRUCTION"},
		{"PAUSE", "PAUSE_INSTRUCTION"},
		{"MACHINE_CHECK_ENTRY", "MCE_DURING_VMENTRY"},
		{"VIRTUALIZED_EOI", "EOI_INDUCED"},
		{"GDTR_IDTR_ACCESS", "GDTR_IDTR"},
		{"LDTR_TR_ACCESS", "LDTR_TR"},
	};

	for (size_t i = 0; i < COUNT(other); i++)
		if (strcmp(other[i][0], ours) == 0)
			return other[i][1];
	return ours;
}

/* Linux has no names for some, and newer ones that this list does not reach. */
Test(exit_reasons, have_the_numbers_that_linux_knows_them_by)
{
	static const struct {
		unsigned number;
		const char *name;
	} known[] = {VMX_EXIT_REASONS};
	unsigned compared = 0;

	for (size_t i = 0; i < COUNT(known); i++) {
		if (known[i].number >= COUNT(exits))
			continue;
		cr_expect_str_eq(linux_name(exits[known[i].number].name), known[i].name,
				 "exit reason %u", known[i].number);
		compared++;
	}
	cr_expect_geq(compared, 50, "%u", compared);
}

/* SDM volume 3, 28.2.1 and 27.8: for all others the qualification is cleared or undefined. */
static bool has_qualification(unsigned number)
{
	static const uint8_t numbers[] = {0,  4,  9,  14, 19, 21, 22, 23, 25, 27,
					  28, 29, 30, 33, 34, 36, 44, 45, 46, 47,
					  48, 50, 53, 56, 58, 62, 63, 64, 66};

	return memchr(numbers, (int)number, sizeof(numbers));
}

Test(exit_reasons, keep_a_detail_that_exists)
{
	static const char *const by_register[][2] = {
		{"CPUID", "EAX"}, {"VMCALL", "EAX"}, {"MSR_READ", "ECX"}, {"MSR_WRITE", "ECX"}};

	for (size_t i = 0; i < COUNT(exits); i++) {
		const char *expected = NULL;

		for (size_t j = 0; j < COUNT(by_register); j++)
			if (strcmp(exits[i].name, by_register[j][0]) == 0)
				expected = by_register[j][1];
		if (expected)
			cr_expect_str_eq(exits[i].detail, expected, "%s", exits[i].name);
		else if (strcmp(exits[i].detail, "QUAL") == 0)
			cr_expect(has_qualification(exits[i].number), "%s", exits[i].name);
		else
			cr_expect_str_eq(exits[i].detail, "NONE", "%s", exits[i].name);
	}
}

/*
 * What exits whatever the controls say (SDM volume 3, 26.1.2).  Failed entries have bit 31 set in
 * their reason, and so never come to a handler.
 */
Test(exit_reasons, that_no_control_prevents_have_handlers)
{
	static const char *const always[] = {
		"CPUID",   "INVD",    "VMCALL",	  "VMCLEAR",	  "VMLAUNCH",	 "VMPTRLD",
		"VMPTRST", "VMREAD",  "VMRESUME", "VMWRITE",	  "VMXOFF",	 "VMXON",
		"INVEPT",  "INVVPID", "XSETBV",	  "TRIPLE_FAULT", "TASK_SWITCH", "CR_ACCESS"};

	for (size_t i = 0; i < COUNT(always); i++) {
		int number = exit_reason_by_name(always[i]);

		cr_assert_geq(number, 0, "%s", always[i]);
		cr_expect_str_neq(exits[number].handler, "unexpected", "%s", always[i]);
	}
	for (size_t i = 0; i < COUNT(exits); i++)
		if (starts_with(exits[i].name, "UNUSED_"))
			cr_expect_str_eq(exits[i].handler, "unexpected", "%s", exits[i].name);
}
