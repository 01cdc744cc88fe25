#include "bench/guests/harness/harness.h"

#include <stddef.h>

#include "bench/guests/rt/report.h"
#include "l1vmm/arch/console.h"
#include "l1vmm/lib/printf.h"
#include "l1vmm/lib/string.h"

/* Room for one more run of a line: " 18446744073709551615x4096" and the newline. */
#define RUN_LENGTH_MAX 32

static struct sample all[WARM_UP + SAMPLES_MAX];

static uint64_t ticks(const struct sample *s)
{
	return s->end - s->begin;
}

/* How many samples from `s` on took the same time. */
static uint32_t run_length(const struct sample *s, const struct sample *end)
{
	uint32_t length = 1;

	while (s + length != end && ticks(s + length) == ticks(s))
		length++;
	return length;
}

static void print_samples(const char *name, const struct sample *s, const struct sample *end)
{
	while (s != end) {
		char line[CONSOLE_LINE_MAX];
		size_t length = format(line, sizeof(line), "@sample name=%s ticks=", name);
		const char *separator = "";

		while (s != end && length < sizeof(line) - RUN_LENGTH_MAX) {
			uint32_t count = run_length(s, end);

			length += format(line + length, sizeof(line) - length, "%s%lux%u",
					 separator, ticks(s), count);
			separator = ",";
			s += count;
		}
		line[length++] = '\n';
		console_write(line, length);
	}
}

void harness_skip(const struct bench *bench, const char *why)
{
	printk("@skip name=%s why=%s\n", bench->name, why);
}

void harness_run(const struct bench *bench, const struct start_info_view *boot)
{
	struct run run = {
		.first = all,
		.end = all + WARM_UP + bench->samples,
		.boot = boot,
		.ops = bench->ops ? bench->ops : bench->pages,
		.spaces = bench->spaces,
		.pages = bench->pages,
		.every = bench->every,
		.ticks = bench->ticks,
	};
	const struct sample *counted = all + WARM_UP, *last;

	/* Also has every page of them in place before the first stamp. */
	memset(all, 0, (WARM_UP + bench->samples) * sizeof(all[0]));
	report_running(bench->name);
	bench->run(&run);
	report_running(NULL);
	if (!run.skip && run.end <= counted)
		run.skip = "too-few-samples";
	if (run.skip) {
		harness_skip(bench, run.skip);
		return;
	}
	last = run.end - 1;
	printk("@bench name=%s component=%s ops=%u samples=%lu begin=%lu end=%lu expect=%s\n",
	       bench->name, fee_component_name(bench->component), run.ops,
	       (uint64_t)(run.end - counted), counted->opened ? counted->opened : counted->begin,
	       last->closed ? last->closed : last->end, bench->expect);
	print_samples(bench->name, counted, run.end);
}
