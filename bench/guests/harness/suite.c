#include "bench/guests/harness/suite.h"

#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/rt/fault.h"
#include "bench/guests/rt/platform.h"
#include "bench/guests/rt/report.h"
#include "l1vmm/lib/cmdline.h"
#include "l1vmm/lib/string.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct suite {
	const struct bench *benches;
	uint32_t count;
	const char *cmdline;
	bool selected[SUITE_MAX];
	uint32_t samples, spaces, pages, ticks; /* 0: as each row says */
};

static void check_keys(const char *cmdline)
{
	static const char *const keys[] = {"only",  "samples", "spaces", "pages",
					   "ticks", "cpus",    "fault",	 "log"};
	struct cmdline_token token;

	if (cmdline_unknown(cmdline, keys, COUNT(keys), &token))
		fail("unknown-key key=%.*s", (int)token.key_length, token.key);
}

/* Whether the row has the name of `length` bytes, or one that begins so where it ends in `*`. */
static bool has_name(const struct bench *bench, const char *name, size_t length)
{
	if (length > 0 && name[length - 1] == '*')
		return strncmp(bench->name, name, length - 1) == 0;
	return strlen(bench->name) == length && memcmp(bench->name, name, length) == 0;
}

static void select(struct suite *suite, const char *name, size_t length)
{
	bool found = false;

	for (uint32_t i = 0; i < suite->count; i++) {
		if (!has_name(&suite->benches[i], name, length))
			continue;
		suite->selected[i] = true;
		found = true;
	}
	if (!found)
		fail("unknown-benchmark only=%.*s", (int)length, name);
}

static void parse_only(struct suite *suite)
{
	char list[1024];

	switch (cmdline_get(suite->cmdline, "only", list, sizeof(list))) {
	case CMDLINE_ABSENT:
		for (uint32_t i = 0; i < suite->count; i++)
			suite->selected[i] = !suite->benches[i].on_request;
		return;
	case CMDLINE_TOO_LONG:
		fail("list-too-long most=%lu", sizeof(list) - 1);
	case CMDLINE_FOUND:
		break;
	}
	for (const char *name = list;;) {
		const char *end = name;

		while (*end && *end != ',')
			end++;
		select(suite, name, (size_t)(end - name));
		if (!*end)
			break;
		name = end + 1;
	}
	/* What the harness itself takes is part of every other benchmark's ticks. */
	select(suite, "empty", strlen("empty"));
}

/* The number from 1 to `most` that the command line gives `key`; 0 where it does not. */
static uint32_t parse_number(const char *cmdline, const char *key, uint32_t most)
{
	char text[24];
	uint64_t number;

	switch (cmdline_get(cmdline, key, text, sizeof(text))) {
	case CMDLINE_ABSENT:
		return 0;
	case CMDLINE_TOO_LONG:
		break;
	case CMDLINE_FOUND:
		if (!cmdline_number(text, strlen(text), &number) || number < 1 || number > most)
			break;
		return (uint32_t)number;
	}
	fail("bad-%s least=1 most=%u", key, most);
}

/* Why a benchmark with these needs makes no sense here; NULL if it does. */
static const char *missing(uint32_t needs, struct platform platform)
{
	if (needs & NEED_L1VMM && !platform.l1vmm)
		return platform.hypervisor ? "other-hypervisor" : "no-hypervisor";
	if (needs & NEED_X2APIC && !platform.x2apic)
		return "no-x2apic";
	return NULL;
}

/* The row as the command line has it. */
static struct bench requested(const struct suite *suite, const struct bench *row)
{
	struct bench bench = *row;

	if (suite->samples)
		bench.samples = suite->samples;
	if (suite->spaces && row->spaces)
		bench.spaces = suite->spaces;
	if (suite->pages && row->pages)
		bench.pages = suite->pages;
	if (suite->ticks && row->ticks)
		bench.ticks = suite->ticks;
	return bench;
}

void suite_run(const char *image, const struct bench *benches, uint32_t count,
	       const struct start_info_view *boot)
{
	struct platform platform = platform_probe();
	struct suite suite = {.benches = benches, .count = count, .cmdline = boot->cmdline};

	report_image(image);
	check_keys(suite.cmdline);
	parse_only(&suite);
	suite.samples = parse_number(suite.cmdline, "samples", SAMPLES_MAX);
	suite.spaces = parse_number(suite.cmdline, "spaces", SPACES_MAX);
	suite.pages = parse_number(suite.cmdline, "pages", PAGES_MAX);
	suite.ticks = parse_number(suite.cmdline, "ticks", TICKS_MAX);
	if (fault_commit(suite.cmdline))
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct bench bench = requested(&suite, &benches[i]);
		const char *why = missing(bench.needs, platform);

		if (!suite.selected[i])
			continue;
		if (why)
			harness_skip(&bench, why);
		else
			harness_run(&bench, boot);
	}
}
