#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "l1vmm/switches.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Each switch with its default and its values, in the order of the list. */
static const struct {
	const char *name, *plain, *values;
	size_t offset;
} switches[] = {
	{"mmu", "ept:2m", "shadow:trap shadow:unsync shadow:pv ept:4k ept:2m ept:1g",
	 offsetof(struct switches, mmu)},
	{"tlb", "vpid", "flush vpid", offsetof(struct switches, tlb)},
	{"dirty", "off", "off protect ad", offsetof(struct switches, dirty)},
	{"exec", "all", "all demand", offsetof(struct switches, exec)},
	{"irq", "emulated", "emulated apicv posted", offsetof(struct switches, irq)},
	{"timer", "emulated", "emulated preempt direct", offsetof(struct switches, timer)},
	{"ple", "off", "off on", offsetof(struct switches, ple)},
	{"cr", "mask", "trap mask", offsetof(struct switches, cr)},
	{"msr", "bitmap", "trap bitmap", offsetof(struct switches, msr)},
	{"io", "bitmap", "trap bitmap", offsetof(struct switches, io)},
	{"tsc", "offset", "trap offset scale", offsetof(struct switches, tsc)},
	{"nested", "off", "off on", offsetof(struct switches, nested)},
	{"vmcs", "trap", "trap shadow", offsetof(struct switches, vmcs)},
	{"pv", "off", "off exits", offsetof(struct switches, pv)},
	{"telemetry", "on", "off on", offsetof(struct switches, telemetry)},
	{"observe", "off", "off tlb trace", offsetof(struct switches, observe)},
	{"around", "masked", "none masked", offsetof(struct switches, around)},
	{"fault", "none",
	 "none entry guest-state exception stack unknown-exit ept-misconfig ept-denied",
	 offsetof(struct switches, fault)},
};

static int member(const struct switches *sw, size_t i)
{
	return *(const int *)((const char *)sw + switches[i].offset);
}

/* Text that visitors gather. */
struct text {
	char bytes[512];
	size_t used;
};

static void add(struct text *text, const char *word)
{
	int length = snprintf(text->bytes + text->used, sizeof(text->bytes) - text->used, "%s%s",
			      text->used ? " " : "", word);

	text->used += (size_t)length;
	cr_assert_lt(text->used, sizeof(text->bytes));
}

static void visit_value(void *ctx, const char *value)
{
	add(ctx, value);
}

static void visit_switch(void *ctx, const char *name, const char *value)
{
	char word[64];

	snprintf(word, sizeof(word), "%s=%s", name, value);
	add(ctx, word);
}

Test(switches, each_has_its_values_in_their_order)
{
	for (size_t i = 0; i < COUNT(switches); i++) {
		struct text text = {.bytes = ""};

		switches_values(switches[i].name, visit_value, &text);
		cr_expect_str_eq(text.bytes, switches[i].values, "%s", switches[i].name);
	}
}

Test(switches, an_unknown_one_has_no_values)
{
	struct text text = {.bytes = ""};

	switches_values("cache", visit_value, &text);
	switches_values("", visit_value, &text);
	cr_expect_str_empty(text.bytes);
}

Test(switches, all_have_a_default_and_are_told_in_their_order)
{
	struct text expected = {.bytes = ""}, told = {.bytes = ""};
	struct switches sw;

	for (size_t i = 0; i < COUNT(switches); i++)
		visit_switch(&expected, switches[i].name, switches[i].plain);
	switches_default(&sw);
	switches_each(&sw, visit_switch, &told);
	cr_expect_str_eq(told.bytes, expected.bytes);
	cr_expect_eq(sizeof(sw), COUNT(switches) * sizeof(int), "a member without a row here");
}

/* Sets a switch to each of its values: it changes, takes the number, tells it, and no other does.
 */
static void set_each_value(size_t i)
{
	char values[128], *rest = values;
	int number = 0;

	snprintf(values, sizeof(values), "%s", switches[i].values);
	for (const char *value; (value = strsep(&rest, " ")); number++) {
		struct text told = {.bytes = ""};
		char word[64];
		struct switches sw, plain;

		switches_default(&sw);
		plain = sw;
		cr_assert_eq(switches_set(&sw, switches[i].name, value), SWITCH_OK, "%s=%s",
			     switches[i].name, value);
		for (size_t other = 0; other < COUNT(switches); other++)
			cr_expect_eq(member(&sw, other),
				     other == i ? number : member(&plain, other), "%s=%s, %s",
				     switches[i].name, value, switches[other].name);
		switches_each(&sw, visit_switch, &told);
		snprintf(word, sizeof(word), "%s=%s", switches[i].name, value);
		cr_expect_not_null(strstr(told.bytes, word), "%s in %s", word, told.bytes);
	}
}

Test(switches, each_value_is_set_by_name)
{
	for (size_t i = 0; i < COUNT(switches); i++)
		set_each_value(i);
}

Test(switches, exactly_one_value_of_each_is_the_default)
{
	for (size_t i = 0; i < COUNT(switches); i++) {
		char values[128], *rest = values;

		snprintf(values, sizeof(values), "%s", switches[i].values);
		for (const char *value; (value = strsep(&rest, " "));)
			cr_expect_eq(switches_is_default(switches[i].name, value),
				     strcmp(value, switches[i].plain) == 0, "%s=%s",
				     switches[i].name, value);
		cr_expect_not(switches_is_default(switches[i].name, "nothing"));
	}
	cr_expect_not(switches_is_default("cache", "vpid"));
}

Test(switches, values_are_enumerated_in_their_order)
{
	cr_expect_eq(SW_MMU_SHADOW_TRAP, 0);
	cr_expect_eq(SW_MMU_SHADOW_UNSYNC, 1);
	cr_expect_eq(SW_MMU_SHADOW_PV, 2);
	cr_expect_eq(SW_MMU_EPT_4K, 3);
	cr_expect_eq(SW_MMU_EPT_2M, 4);
	cr_expect_eq(SW_TLB_FLUSH, 0);
	cr_expect_eq(SW_TLB_VPID, 1);
	cr_expect_eq(SW_IRQ_EMULATED, 0);
	cr_expect_eq(SW_TELEMETRY_OFF, 0);
	cr_expect_eq(SW_TELEMETRY_ON, 1);
	cr_expect_eq(SW_FAULT_NONE, 0);
	cr_expect_eq(SW_FAULT_UNKNOWN_EXIT, 5);
}

Test(switches, what_is_unknown_changes_nothing)
{
	static const struct {
		const char *name, *value;
		enum switch_result result;
	} rows[] = {
		{"", "", SWITCH_UNKNOWN},
		{"", "vpid", SWITCH_UNKNOWN},
		{"tl", "vpid", SWITCH_UNKNOWN},
		{"tlbs", "vpid", SWITCH_UNKNOWN},
		{"TLB", "vpid", SWITCH_UNKNOWN},
		{"vpid", "tlb", SWITCH_UNKNOWN},
		{"tlb", "", SWITCH_BAD_VALUE},
		{"tlb", "vpi", SWITCH_BAD_VALUE},
		{"tlb", "vpids", SWITCH_BAD_VALUE},
		{"tlb", "VPID", SWITCH_BAD_VALUE},
		{"tlb", "1", SWITCH_BAD_VALUE},
		{"tlb", "trap", SWITCH_BAD_VALUE}, /* a value of others */
		{"mmu", "ept", SWITCH_BAD_VALUE},
		{"irq", "post", SWITCH_BAD_VALUE},
	};
	struct switches sw, plain;

	switches_default(&plain);
	sw = plain;
	for (size_t i = 0; i < COUNT(rows); i++) {
		cr_expect_eq(switches_set(&sw, rows[i].name, rows[i].value), rows[i].result,
			     "%s=%s", rows[i].name, rows[i].value);
		cr_expect_arr_eq(&sw, &plain, sizeof(sw), "%s=%s", rows[i].name, rows[i].value);
	}
}
