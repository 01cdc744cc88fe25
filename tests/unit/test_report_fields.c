#include "bench/report_fields.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { VMREAD = 23, VMWRITE = 25, REASON = 0x4402, GUEST_CR0 = 0x6800, GUEST_PAT = 0x2804 };

static void add(struct vmcs_accesses *accesses, uint16_t reason, uint64_t field, uint16_t flags)
{
	const struct exit_record record = {
		.level = 1, .reason = reason, .qualification = field, .flags = flags};
	struct vmfee_error err;

	cr_assert_eq(vmcs_accesses_add(accesses, &record, &err), 0);
}

Test(vmcs_access, counts_reads_and_writes_of_fields)
{
	struct vmcs_accesses accesses = {0};

	add(&accesses, VMREAD, REASON, 0);
	add(&accesses, VMREAD, REASON, 0);
	add(&accesses, VMWRITE, REASON, 0);
	add(&accesses, VMWRITE, GUEST_PAT + 1, 0); /* its upper half */
	add(&accesses, VMREAD, 0x4406, RECORD_F_NESTED);
	add(&accesses, VMREAD, 0x7000, 0);
	add(&accesses, VMREAD, UINT64_C(0x100004402), 0);
	add(&accesses, 24, REASON, 0);
	cr_assert_eq(accesses.count, 2);
	cr_expect_eq(accesses.access[0].level, 1);
	cr_expect_eq(accesses.access[0].field, REASON);
	cr_expect_eq(accesses.access[0].reads, 2);
	cr_expect_eq(accesses.access[0].writes, 1);
	cr_expect_eq(accesses.access[1].field, GUEST_PAT);
	cr_expect_eq(accesses.access[1].writes, 1);
	vmcs_accesses_free(&accesses);
}

Test(vmcs_access, knows_fields_by_number_and_by_name)
{
	cr_expect_str_eq(vmcs_field_name(REASON), "EXIT_REASON");
	cr_expect_eq(vmcs_field_by_name("EXIT_REASON"), REASON);
	cr_expect_str_eq(vmcs_field_shadow(REASON), "read");
	cr_expect_str_eq(vmcs_field_shadow(GUEST_CR0), "no");
	cr_expect_null(vmcs_field_name(1));
	cr_expect_null(vmcs_field_shadow(1));
	cr_expect_eq(vmcs_field_by_name("FROB"), UINT32_MAX);
}

static struct vmcs_access without[] = {
	{.field = REASON, .reads = 70},
	{.field = GUEST_CR0, .reads = 2, .writes = 1},
	{.field = GUEST_PAT, .reads = 9, .level = 1},
};
static struct vmcs_access with[] = {{.field = GUEST_CR0, .reads = 2, .writes = 2}};

static char *print(const char *lower)
{
	struct result_stack stacks[2] = {
		{.name = "a",
		 .notation = "l1vmm nested=on / l1vmm / micro",
		 .accesses = {without, COUNT(without)}},
		{.name = "b", .accesses = {with, COUNT(with)}},
	};
	const struct results results = {.stack = stacks, .stacks = COUNT(stacks)};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	snprintf(stacks[1].notation, sizeof(stacks[1].notation), "%s", lower);
	cr_assert_eq(report_fields(&results, out, 100), 0);
	fclose(out);
	return text;
}

Test(report_fields, what_shadowing_saves)
{
	char *text = print("l1vmm nested=on vmcs=shadow / l1vmm / micro");

	cr_expect(strstr(text, "  field        shadow   a  b  saved\n"), "%s", text);
	cr_expect(strstr(text, "  EXIT_REASON  read    70  0     70\n"), "%s", text);
	cr_expect(strstr(text, "  GUEST_CR0    no       3  4     -1\n"), "%s", text);
	cr_expect_null(strstr(text, "GUEST_IA32_PAT"), "of another level");
	free(text);
}

Test(report_fields, nothing_of_stacks_that_differ_otherwise)
{
	static const char *const others[] = {
		"l1vmm nested=on vmcs=shadow / l1vmm / memory",
		"l1vmm vmcs=shadow / l1vmm / micro",
		"l1vmm nested=on / l1vmm vmcs=shadow / micro",
		"l1vmm nested=on / l1vmm / micro",
	};

	for (size_t i = 0; i < COUNT(others); i++) {
		char *text = print(others[i]);
		cr_expect_str_empty(text, "%s", others[i]);
		free(text);
	}
}
