#include <criterion/criterion.h>

#include "telemetry/record.h"

/* The layout that traces on disk have had since version 1: a change here is a new version. */
Test(record, fields_stand_where_traces_have_them)
{
	static const struct {
		const char *name;
		size_t offset, bytes;
	} expected[] = {
		{"tsc", 0, 8},
		{"id", 8, 2},
		{"level", 10, 1},
		{"vcpu", 11, 1},
		{"reason", 12, 2},
		{"flags", 14, 2},
		{"rip", 16, 8},
		{"qualification", 24, 8},
		{"guest_ticks", 32, 8},
		{"handled_ticks", 40, 8},
		{"seq", 48, 4},
		{"vmreads", 52, 2},
		{"vmwrites", 54, 2},
		{"vmx_other", 56, 2},
		{"pte_writes", 58, 2},
		{"invalidations", 60, 2},
		{"nested_entries", 62, 2},
	};
	static const struct {
		const char *name;
		size_t offset, bytes;
	} actual[] = {
#define FIELD(ctype, name)		       {#name, offsetof(struct exit_record, name), sizeof(ctype)},
#define RECORD_HEADER(ctype, name, unit, text) FIELD(ctype, name)
#define RECORD_FIELD(ctype, name, unit, text)  FIELD(ctype, name)
#define RECORD_COUNTER(ctype, name, text)      FIELD(ctype, name)
#include "telemetry/record.def"
#undef FIELD
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
	};
	size_t count = sizeof(expected) / sizeof(expected[0]);

	cr_assert_eq(sizeof(actual) / sizeof(actual[0]), count);
	for (size_t i = 0; i < count; i++) {
		cr_expect_str_eq(actual[i].name, expected[i].name);
		cr_expect_eq(actual[i].offset, expected[i].offset, "%s", expected[i].name);
		cr_expect_eq(actual[i].bytes, expected[i].bytes, "%s", expected[i].name);
	}
}

Test(record, costs_move_into_the_record_as_they_are)
{
	struct exit_cost cost = {.seq = 0x01020304,
				 .vmreads = 1,
				 .vmwrites = 2,
				 .vmx_other = 3,
				 .pte_writes = 4,
				 .invalidations = 5,
				 .nested_entries = UINT16_MAX};
	struct exit_record record = {.handled_ticks = UINT64_MAX};

	exit_record_set_cost(&record, &cost);
	cr_expect_eq(record.handled_ticks, UINT64_MAX);
	cr_expect_eq(record.seq, 0x01020304);
	cr_expect_eq(record.vmreads, 1);
	cr_expect_eq(record.vmwrites, 2);
	cr_expect_eq(record.vmx_other, 3);
	cr_expect_eq(record.pte_writes, 4);
	cr_expect_eq(record.invalidations, 5);
	cr_expect_eq(record.nested_entries, UINT16_MAX);
}

Test(record, the_next_exit_has_the_next_number_and_only_the_accesses_it_surely_makes)
{
	struct exit_cost cost = {.seq = UINT32_MAX, .vmreads = 7, .nested_entries = 9};

	exit_cost_next(&cost, 3, 1);
	cr_expect_eq(cost.seq, 0, "numbers wrap");
	cr_expect_eq(cost.vmreads, 3);
	cr_expect_eq(cost.vmwrites, 1);
	cr_expect_eq(cost.nested_entries, 0);
	exit_cost_next(&cost, 0, 0);
	cr_expect_eq(cost.seq, 1);
	cr_expect_eq(cost.vmreads, 0);
	cr_expect_eq(cost.vmwrites, 0);
}

Test(record, a_reason_clears_the_flags_and_touches_nothing_else)
{
	struct exit_record record;

	memset(&record, 0xff, sizeof(record));
	exit_record_set_reason(&record, 48);
	cr_expect_eq(record.reason, 48);
	cr_expect_eq(record.flags, 0);
	cr_expect_eq(record.vcpu, 0xff);
	cr_expect_eq(record.rip, UINT64_MAX);
}
