#include "bench/join.h"

#include <criterion/criterion.h>

#include <stdbool.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { CPUID = 10, VMREAD = 23, VMRESUME = 24, INTERRUPT = 1 };

static struct join join;
static struct vmfee_error err;

static void set_up(void)
{
	join = (struct join){0};
	err = (struct vmfee_error){0};
}

static void tear_down(void)
{
	join_free(&join);
}

TestSuite(join, .init = set_up, .fini = tear_down);

static int above(unsigned window, uint64_t left, uint64_t handled, uint16_t reason, uint8_t vcpu)
{
	const struct exit_record record = {
		.tsc = left, .handled_ticks = handled, .reason = reason, .vcpu = vcpu};

	return join_above(&join, window, &record, &err);
}

/* What a record beneath is: the way it begins, and what it does. */
static struct exit_record beneath(uint64_t tsc, uint16_t reason)
{
	return (struct exit_record){
		.tsc = tsc, .reason = reason, .handled_ticks = 100, .guest_ticks = 10};
}

static struct exit_record delivered(uint64_t tsc, uint16_t reason)
{
	struct exit_record record = beneath(tsc, reason);

	record.flags = RECORD_F_NESTED | RECORD_F_DELIVERED;
	record.qualification = reason;
	return record;
}

static struct exit_record entered(uint64_t tsc)
{
	struct exit_record record = beneath(tsc, VMRESUME);

	record.nested_entries = 1;
	return record;
}

static int feed(const struct exit_record *records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (join_beneath(&join, &records[i], &err) != 0)
			return -1;
	return join_end(&join, &err);
}

Test(join, an_exit_takes_what_lies_between_its_delivery_and_its_entry)
{
	struct exit_record records[] = {
		entered(50),  delivered(100, CPUID),   beneath(220, VMREAD),  beneath(340, VMREAD),
		entered(460), beneath(500, INTERRUPT), delivered(600, CPUID), entered(720),
	};

	records[2].guest_ticks = 7;
	above(3, 150, 200, CPUID, 0);
	above(3, 650, 20, CPUID, 0);
	cr_assert_eq(feed(records, COUNT(records)), 0, "%s", err.text);

	cr_assert_eq(join.sums, 1);
	cr_expect_eq(join.sum[0].window, 3);
	cr_expect_eq(join.sum[0].reason, CPUID);
	cr_expect_eq(join.sum[0].count, 2);
	cr_expect_eq(join.sum[0].stays, 4);
	cr_expect_eq(join.sum[0].stay_ticks, 37);
	cr_expect_eq(join.sum[0].shortest, 7);
	/* An interrupt of the guest's guest is for none of them. */
	cr_assert_eq(join.parts, 3);
	cr_expect_eq(join.part[0].beneath, CPUID);
	cr_expect_eq(join.part[0].count, 2);
	cr_expect_eq(join.part[1].beneath, VMREAD);
	cr_expect_eq(join.part[1].handled_ticks, 200);
	cr_expect_eq(join.part[2].beneath, VMRESUME);
	cr_expect_eq(join.part[2].count, 2);
}

Test(join, an_exit_that_an_entry_delivers_at_once)
{
	struct exit_record records[] = {delivered(100, CPUID), entered(220), entered(340)};

	records[1].flags = RECORD_F_DELIVERED;
	records[1].qualification = INTERRUPT;
	above(0, 150, 20, CPUID, 0);
	above(1, 250, 20, INTERRUPT, 0);
	cr_assert_eq(feed(records, COUNT(records)), 0, "%s", err.text);

	cr_assert_eq(join.sums, 2);
	cr_expect_eq(join.sum[1].reason, INTERRUPT);
	cr_expect_eq(join.sum[1].stays, 1);
	/* Each of the lower level's exits is charged once. */
	cr_assert_eq(join.parts, 3);
	cr_expect_eq(join.part[0].count + join.part[1].count + join.part[2].count, 3);
	cr_expect_eq(join.part[2].window, 1);
	cr_expect_eq(join.part[2].count, 1);
}

Test(join, each_vcpu_for_itself)
{
	struct exit_record records[] = {delivered(100, CPUID), delivered(110, INTERRUPT),
					entered(220), entered(230)};

	records[1].vcpu = 1;
	records[3].vcpu = 1;
	above(0, 150, 20, INTERRUPT, 1);
	above(0, 150, 20, CPUID, 0);
	cr_assert_eq(feed(records, COUNT(records)), 0, "%s", err.text);
	cr_expect_eq(join.sums, 2);
}

Test(join, the_last_exit_is_not_entered_from)
{
	struct exit_record records[] = {delivered(100, CPUID), beneath(220, VMREAD)};

	above(0, 150, 20, CPUID, 0);
	cr_assert_eq(feed(records, COUNT(records)), 0, "%s", err.text);
	cr_expect_eq(join.sums, 0);
	cr_expect_eq(join.parts, 0);
}

Test(join, what_does_not_agree_is_told)
{
	const struct {
		struct exit_record records[3];
		size_t count;
		const char *text;
	} rows[] = {
		/* another reason; before it was delivered; never delivered; one too many */
		{{delivered(100, INTERRUPT)}, 1, "delivers reason 1: the level above has no such"},
		{{delivered(151, CPUID)}, 1, "at 151, delivers reason 10"},
		{{entered(100)}, 1, "nothing beneath delivered the exit at 150"},
		{{delivered(100, CPUID), entered(220), delivered(300, CPUID)},
		 3,
		 "at 300, delivers"},
		/* before the entry of the level above; without one */
		{{delivered(100, CPUID), entered(169)}, 2, "the level above only at 170"},
		{{delivered(100, CPUID), delivered(120, CPUID)}, 2, "before the one before it"},
		{{{.vcpu = JOIN_VCPUS}}, 1, "vCPU 8"},
		{{{.reason = 999}}, 1, "reason 999"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		set_up();
		above(0, 150, 20, CPUID, 0);
		cr_expect_neq(feed(rows[i].records, rows[i].count), 0, "row %zu", i);
		cr_expect_eq(err.status, VMFEE_SYSTEM);
		cr_expect_not_null(strstr(err.text, rows[i].text), "row %zu: %s", i, err.text);
		tear_down();
	}
	cr_expect_neq(above(0, 1, 1, CPUID, JOIN_VCPUS), 0);
}
