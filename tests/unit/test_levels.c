#include "bench/levels.h"
#include "telemetry/fee.h"

#include <criterion/criterion.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { INTERRUPT = 1, CPUID = 10, VMREAD = 23, VMRESUME = 24, EPT = 48, WINDOW = 3 };

static struct levels levels;
static struct vmfee_error err;

static void set_up(void)
{
	levels = (struct levels){0};
	err = (struct vmfee_error){0};
}

static void tear_down(void)
{
	levels_free(&levels);
}

TestSuite(levels, .init = set_up, .fini = tear_down);

struct line {
	unsigned level;
	uint64_t left, handled;
	uint16_t reason;
	bool nested;
};

static void add(uint8_t cpu, const struct line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct exit_record record = {
			.level = (uint8_t)lines[i].level,
			.vcpu = cpu,
			.tsc = lines[i].left,
			.handled_ticks = lines[i].handled,
			.reason = lines[i].reason,
			.flags = lines[i].nested ? RECORD_F_NESTED : 0,
		};
		cr_assert_eq(levels_add(&levels, WINDOW, &record, &err), 0, "%s", err.text);
	}
}

static void feed(const struct line *lines, size_t count)
{
	add(0, lines, count);
	cr_assert_eq(levels_join(&levels, &err), 0, "%s", err.text);
}

/* The path of a node as a flame graph has it, with its count and its ticks. */
static void tell(const struct level_node *node, char *to, size_t size)
{
	char name[64], rest[512] = "";

	for (const struct level_node *at = node;; at = &levels.node[at->parent]) {
		char longer[512];
		level_node_name(at, name, sizeof(name));
		snprintf(longer, sizeof(longer), "%s%s%s", name, rest[0] == '\0' ? "" : ";", rest);
		memcpy(rest, longer, sizeof(rest));
		if (at->parent == LEVELS_NO_NODE)
			break;
	}
	snprintf(to, size, "%s %lu %lu", rest, (unsigned long)node->count,
		 (unsigned long)node->own_ticks);
}

static void expect_paths(const char *const *paths, size_t count)
{
	cr_expect_eq(levels.nodes, count, "%zu paths", levels.nodes);
	for (size_t i = 0; i < levels.nodes; i++) {
		char text[600];
		bool known = false;
		tell(&levels.node[i], text, sizeof(text));
		for (size_t j = 0; j < count; j++)
			known |= strcmp(text, paths[j]) == 0;
		cr_expect(known, "%s", text);
		cr_expect_eq(levels.node[i].window, WINDOW);
	}
}

/* Two CPUIDs of L2, one of L1 that is no guest's affair, and a fault of L2 that L0 sees to itself.
 */
Test(levels, exits_hang_from_what_they_are_for)
{
	static const struct line lines[] = {
		{0, 10, 5, CPUID, false},    /* of L1, before it has a guest */
		{0, 100, 40, CPUID, true},   /* delivered */
		{0, 150, 20, VMREAD, false}, /* within */
		{0, 180, 10, VMREAD, false},   {0, 205, 50, VMRESUME, false}, /* goes back */
		{0, 300, 30, EPT, true},				      /* L0's own */
		{0, 400, 40, CPUID, true},     {0, 450, 20, VMREAD, false},
		{0, 505, 50, VMRESUME, false}, {1, 145, 58, CPUID, false},
		{1, 445, 55, CPUID, false},
	};
	static const char *const paths[] = {
		"L1;CPUID 1 5",
		"above-L1;EPT_VIOLATION 1 30",
		/* 58 - 30 and 55 - 20. */
		"L2;CPUID 2 63",
		"L2;CPUID;L0-delivers 2 80",
		"L2;CPUID;L1;VMREAD 3 50",
		"L2;CPUID;L1;VMRESUME 2 100",
	};

	feed(lines, COUNT(lines));
	expect_paths(paths, COUNT(paths));
}

/* An entry that an interrupt ends at once belongs to the exit before. */
Test(levels, an_entry_may_deliver_the_next_exit)
{
	static const struct line lines[] = {
		{0, 100, 40, CPUID, true},	 {0, 205, 90, VMRESUME, false},
		{0, 405, 50, VMRESUME, false},	 {1, 145, 55, CPUID, false},
		{1, 300, 100, INTERRUPT, false},
	};
	static const char *const paths[] = {
		"L2;CPUID 1 55",
		"L2;CPUID;L0-delivers 1 40",
		"L2;CPUID;L1;VMRESUME 1 90",
		"L2;EXTERNAL_INTERRUPT 1 100",
		"L2;EXTERNAL_INTERRUPT;L1;VMRESUME 1 50",
	};

	feed(lines, COUNT(lines));
	expect_paths(paths, COUNT(paths));
}

/* A VMREAD of L2's is an exit that L0 delivers to L1, within the exit of L3 that L2 handles. */
Test(levels, paths_lead_through_all_levels)
{
	static const struct line lines[] = {
		{2, 100, 100, CPUID, false},  {1, 120, 30, VMREAD, false},
		{0, 112, 5, VMREAD, true},    {0, 130, 7, VMREAD, false},
		{0, 152, 3, VMRESUME, false},
	};
	static const char *const paths[] = {
		/* All but what lies around the exit beneath, too. */
		"L3;CPUID 1 62",
		"L3;CPUID;L2;VMREAD 1 23",
		"L3;CPUID;L2;VMREAD;L0-delivers 1 5",
		"L3;CPUID;L2;VMREAD;L1;VMREAD 1 7",
		"L3;CPUID;L2;VMREAD;L1;VMRESUME 1 3",
	};

	feed(lines, COUNT(lines));
	expect_paths(paths, COUNT(paths));
}

/* What two do at the same time is added up, and neither takes the other's. */
Test(levels, each_cpu_is_joined_by_itself)
{
	static const struct line first[] = {
		{0, 100, 40, CPUID, true},
		{0, 150, 20, VMREAD, false},
		{0, 205, 50, VMRESUME, false},
		{1, 145, 58, CPUID, false},
	};
	static const struct line second[] = {
		{0, 110, 40, CPUID, true},
		{0, 160, 30, VMREAD, false},
		{0, 215, 50, VMRESUME, false},
		{1, 155, 58, CPUID, false},
	};
	static const char *const paths[] = {
		"L2;CPUID 2 66",
		"L2;CPUID;L0-delivers 2 80",
		"L2;CPUID;L1;VMREAD 2 50",
		"L2;CPUID;L1;VMRESUME 2 100",
	};

	add(1, second, COUNT(second));
	feed(first, COUNT(first));
	expect_paths(paths, COUNT(paths));
}

Test(levels, a_record_of_no_level_or_cpu_is_refused)
{
	struct exit_record record = {.level = STACK_MAX_LEVELS, .reason = CPUID};

	cr_expect_eq(levels_add(&levels, WINDOW, &record, &err), -1);
	cr_expect_str_eq(err.text, "exit 0 is of level 8, CPU 0");
	err = (struct vmfee_error){0};
	record.level = 0;
	record.vcpu = STACK_MAX_CPUS;
	cr_expect_eq(levels_add(&levels, WINDOW, &record, &err), -1);
	cr_expect_str_eq(err.text, "exit 0 is of level 0, CPU 8");
}
