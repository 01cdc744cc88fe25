/*
 * The image `micro`: runs the rows of micro.def, or those that `only=NAME,NAME` names, each with
 * its own number of samples or with `samples=N`.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/guests/micro/harness.h"
#include "bench/guests/rt/fault.h"
#include "bench/guests/rt/platform.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/start.h"
#include "l1vmm/lib/cmdline.h"
#include "l1vmm/lib/string.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a benchmark makes no sense without. */
enum {
	NEED_NOTHING = 0,
	NEED_L1VMM = 1 << 0, /* its hypercalls */
	NEED_X2APIC = 1 << 1,
};

static const struct bench benches[] = {
#define BENCH(name, component, ops, samples, needs, expect, function) \
	{name, FEE_##component, ops, samples, needs, expect, bench_##function},
#include "bench/guests/micro.def"
#undef BENCH
};

/* What the command line asks for. */
struct request {
	bool selected[COUNT(benches)];
	uint32_t samples; /* 0: as each row says */
};

static void check_keys(const char *cmdline)
{
	static const char *const keys[] = {"only", "samples", "fault"};
	struct cmdline_token token;

	if (cmdline_unknown(cmdline, keys, COUNT(keys), &token))
		fail("unknown-key key=%.*s", (int)token.key_length, token.key);
}

/* Selects the row whose name is the `length` bytes at `name`. */
static void select(struct request *request, const char *name, size_t length)
{
	for (size_t i = 0; i < COUNT(benches); i++) {
		if (strlen(benches[i].name) == length &&
		    memcmp(benches[i].name, name, length) == 0) {
			request->selected[i] = true;
			return;
		}
	}
	fail("unknown-benchmark only=%.*s", (int)length, name);
}

static void parse_only(const char *cmdline, struct request *request)
{
	char list[1024];

	switch (cmdline_get(cmdline, "only", list, sizeof(list))) {
	case CMDLINE_ABSENT:
		memset(request->selected, true, sizeof(request->selected));
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
		select(request, name, (size_t)(end - name));
		if (!*end)
			return;
		name = end + 1;
	}
}

static void parse_samples(const char *cmdline, struct request *request)
{
	char text[24];
	uint64_t samples;

	switch (cmdline_get(cmdline, "samples", text, sizeof(text))) {
	case CMDLINE_ABSENT:
		return;
	case CMDLINE_TOO_LONG:
		break;
	case CMDLINE_FOUND:
		if (!cmdline_number(text, strlen(text), &samples) || samples < 1 ||
		    samples > SAMPLES_MAX)
			break;
		request->samples = (uint32_t)samples;
		return;
	}
	fail("bad-samples least=1 most=%u", SAMPLES_MAX);
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

void guest_main(const struct start_info_view *boot)
{
	struct request request = {0};
	struct platform platform = platform_probe();

	report_image("micro");
	check_keys(boot->cmdline);
	parse_only(boot->cmdline, &request);
	parse_samples(boot->cmdline, &request);
	if (fault_commit(boot->cmdline))
		return;
	for (size_t i = 0; i < COUNT(benches); i++) {
		const struct bench *bench = &benches[i];
		const char *why = missing(bench->needs, platform);

		if (!request.selected[i])
			continue;
		if (why)
			harness_skip(bench, why);
		else
			harness_run(bench, request.samples ? request.samples : bench->samples,
				    boot);
	}
}
