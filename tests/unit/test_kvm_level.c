#include "bench/kvm_level.h"

#include <criterion/criterion.h>

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

Test(kvm_level, parameters_go_to_their_modules)
{
	static const struct {
		const char *cmdline, *kvm, *kvm_intel;
	} rows[] = {
		{"", "", "nested=1 enable_apicv=0"},
		{" \t", "", "nested=1 enable_apicv=0"},
		{"ept=0", "", "ept=0 nested=1 enable_apicv=0"},
		{"nested=0 enable_apicv=1", "", "nested=0 enable_apicv=1"},
		{"  tdp_mmu=N\tenable_shadow_vmcs=0 ", "tdp_mmu=N",
		 "enable_shadow_vmcs=0 nested=1 enable_apicv=0"},
		{"halt_poll_ns=0 tdp_mmu=0", "halt_poll_ns=0 tdp_mmu=0", "nested=1 enable_apicv=0"},
		/* Where a parameter stands twice, the first one counts. */
		{"vpid=0 vpid=1", "", "vpid=0 nested=1 enable_apicv=0"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vmfee_error err = {0};
		struct kvm_level level;
		cr_assert_eq(kvm_level_parse(&level, rows[i].cmdline, &err), 0, "%s: %s",
			     rows[i].cmdline, err.text);
		cr_expect_str_eq(level.kvm, rows[i].kvm, "%s", rows[i].cmdline);
		cr_expect_str_eq(level.kvm_intel, rows[i].kvm_intel, "%s", rows[i].cmdline);
	}
}

Test(kvm_level, observing_is_the_launchers)
{
	static const struct {
		const char *cmdline;
		bool observe;
	} rows[] = {
		{"", false},
		{"observe=on", true},
		{"ept=0 observe=on vpid=0", true},
		{"observe=off", false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vmfee_error err = {0};
		struct kvm_level level;
		cr_assert_eq(kvm_level_parse(&level, rows[i].cmdline, &err), 0, "%s", err.text);
		cr_expect_eq(level.observe, rows[i].observe, "%s", rows[i].cmdline);
		cr_expect_null(strstr(level.kvm_intel, "observe"), "%s", level.kvm_intel);
	}
}

Test(kvm_level, memory_is_the_launchers)
{
	static const struct {
		const char *cmdline;
		unsigned memory;
	} rows[] = {
		{"", 0}, {"memory=64", 64}, {"ept=0 memory=2048", 2048}, {"memory=1 vpid=0", 1}};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vmfee_error err = {0};
		struct kvm_level level;
		cr_assert_eq(kvm_level_parse(&level, rows[i].cmdline, &err), 0, "%s", err.text);
		cr_expect_eq(level.memory, rows[i].memory, "%s", rows[i].cmdline);
		cr_expect_null(strstr(level.kvm_intel, "memory"), "%s", level.kvm_intel);
	}
}

Test(kvm_level, stands_anywhere)
{
	static const struct {
		const char *notation;
		unsigned level;
	} rows[] = {{"kvm / micro", 0},
		    {"l1vmm / micro", 2},
		    {"l1vmm nested=on / kvm ept=0 / micro", 1},
		    {"l1vmm / kvmx", 2},
		    {"l1vmm / l1vmm / kvm / l1vmm / micro", 2}};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vmfee_error err = {0};
		struct stack stack;
		cr_assert_eq(stack_parse(&stack, rows[i].notation, &err), 0, "%s", err.text);
		cr_expect_eq(kvm_level_find(&stack), rows[i].level, "%s", rows[i].notation);
		cr_expect_eq(kvm_level_is(&stack), rows[i].level == 0, "%s", rows[i].notation);
	}
}

Test(kvm_level, what_is_no_parameter_is_named)
{
	static const char *const rows[] = {
		"telemetry=off", "observe",	 "observe=yes",	  "ept",     "ept=",	"=1",
		"ep=1",		 "ept=1;reboot", "ept=$(reboot)", "ept=a=b", "memory=", "memory=0",
		"memory=2049",	 "memory=1x",
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vmfee_error err = {0};
		struct kvm_level level;
		cr_expect_neq(kvm_level_parse(&level, rows[i], &err), 0, "%s", rows[i]);
		cr_expect_eq(err.status, VMFEE_USAGE, "%s", rows[i]);
		cr_expect_not_null(strstr(err.text, rows[i]), "%s: %s", rows[i], err.text);
		cr_expect_not_null(strstr(err.text, "nested_early_check"), "%s", err.text);
	}
}

/* The longest command line that a stack can have fits. */
Test(kvm_level, long_command_lines)
{
	char cmdline[STACK_MAX_CMDLINE + 1];
	struct vmfee_error err = {0};
	struct kvm_level level;

	memset(cmdline, '1', sizeof(cmdline));
	memcpy(cmdline, "unrestricted_guest=", strlen("unrestricted_guest="));
	cmdline[STACK_MAX_CMDLINE] = '\0';
	cr_assert_eq(kvm_level_parse(&level, cmdline, &err), 0, "%s", err.text);
	cr_expect_eq(strncmp(level.kvm_intel, cmdline, STACK_MAX_CMDLINE), 0);
	cr_expect_str_eq(level.kvm_intel + STACK_MAX_CMDLINE, " nested=1 enable_apicv=0");
}

Test(kvm_level, is_the_lowest_level_of_that_name)
{
	cr_expect(kvm_level_begins("kvm"));
	cr_expect(kvm_level_begins("kvm / micro"));
	cr_expect(kvm_level_begins("kvm\tept=0 / micro"));
	cr_expect_not(kvm_level_begins("kvm2 / micro"));
	cr_expect_not(kvm_level_begins("l1vmm / kvm"));
	cr_expect_not(kvm_level_begins(""));
}

Test(kvm_level, trouble_is_told_of_what_is_set)
{
	static const struct {
		const char *notation, *parameter, *text;
	} rows[] = {
		{"kvm nested_early_check=1 / micro", "nested_early_check", "TSC multiplier"},
		{"kvm ept=1 vpid=N / l1vmm / micro", "vpid", "tlb=flush"},
		{"kvm ept=0 ept=1 / l1vmm / micro", "ept", "mmu=shadow:unsync"},
		{"kvm enable_apicv=Y / micro", "enable_apicv", "posted-interrupt"},
		{"kvm / micro", NULL, NULL},
		{"kvm ept=1 ept=0 / micro", NULL, NULL},
		{"kvm nested_early_check=0 enable_apicv=0 / micro", NULL, NULL},
		{"l1vmm ept=0 / micro", NULL, NULL},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vmfee_error err = {0};
		struct stack stack;
		const char *parameter = NULL;
		cr_assert_eq(stack_parse(&stack, rows[i].notation, &err), 0, "%s", err.text);
		const char *text = kvm_level_trouble(&stack, &parameter);
		if (rows[i].text == NULL) {
			cr_expect_null(text, "%s: %s", rows[i].notation, text);
			continue;
		}
		cr_assert_not_null(text, "%s", rows[i].notation);
		cr_expect_str_eq(parameter, rows[i].parameter);
		cr_expect_not_null(strstr(text, rows[i].text), "%s", text);
	}
}
