/*
 * The data of figures about the exits of a stack while it went on.
 */
#include "bench/plot_data.h"
#include "bench/timeline.h"

#include <inttypes.h>
#include <string.h>

enum { SERIES = 8 };

/* A benchmark is named where it has at least so much of the time. */
#define WIDE 0.03

/* The narrow ones would lie over one another.  There is a line in any case: a block without is
 * none. */
static void write_names(const struct result_stack *stack, FILE *out)
{
	uint64_t begin = stack->bench[0].begin;
	double span = (double)(stack->bench[stack->benches - 1].end - begin);

	fputs("0 \" \"\n", out);
	for (size_t i = 0; i < stack->benches; i++) {
		const struct result_bench *bench = &stack->bench[i];
		if ((double)(bench->end - bench->begin) >= WIDE * span)
			fprintf(out, "%" PRIu64 " \"%s\"\n", bench->begin - begin, bench->name);
	}
}

/* Exits of one slice that took about as long, whatever their reason. */
static void write_slice(const struct result_time *first, const struct result_time *end,
			uint64_t begin, FILE *out)
{
	for (unsigned i = 0; i < TIMELINE_BUCKETS; i++) {
		uint64_t count = 0;
		for (const struct result_time *time = first; time < end; time++)
			if (time->low == timeline_low(i))
				count += time->count;
		if (count > 0)
			fprintf(out,
				"%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
				first->begin - begin, first->end - begin, timeline_low(i),
				timeline_high(i) + 1, count);
	}
}

/* Those of the lowest hypervisor of this project, which follow one another. */
static const struct result_time *of_base(const struct result_stack *stack,
					 const struct result_time **end)
{
	const struct result_time *first = stack->time;
	const struct result_time *last = stack->time + stack->times;

	while (first < last && first->level < stack->base)
		first++;
	*end = first;
	while (*end < last && (*end)->level == stack->base)
		(*end)++;
	return first;
}

unsigned plot_data_heat(const struct analysis *analysis, FILE *out)
{
	const struct result_stack *stack = analysis->stack;
	const struct result_time *end;
	const struct result_time *first = of_base(stack, &end);

	if (first == end)
		return 0;
	write_names(stack, out);
	fputs("\n\n", out);
	for (const struct result_time *time = first; time < end; time++) {
		if (time + 1 < end && time[1].begin == first->begin)
			continue;
		write_slice(first, time + 1, stack->bench[0].begin, out);
		first = time + 1;
	}
	return 1;
}

/* The reasons with the most exits, the others as one, and how many of each came when. */
struct series {
	uint16_t reason[SERIES];
	unsigned reasons;
	uint64_t begin[TIMELINE_SLICES], end[TIMELINE_SLICES];
	unsigned slices;
	uint64_t count[SERIES + 1][TIMELINE_SLICES];
};

static void choose_reasons(struct series *series, const struct result_time *first,
			   const struct result_time *end)
{
	uint64_t count[CONSOLE_REASONS] = {0};

	for (const struct result_time *time = first; time < end; time++)
		count[time->reason] += time->count;
	for (; series->reasons < SERIES; series->reasons++) {
		unsigned most = 0;
		for (unsigned i = 1; i < CONSOLE_REASONS; i++)
			if (count[i] > count[most])
				most = i;
		if (count[most] == 0)
			return;
		series->reason[series->reasons] = (uint16_t)most;
		count[most] = 0;
	}
}

static void count_exits(struct series *series, const struct result_time *first,
			const struct result_time *end)
{
	for (const struct result_time *time = first; time < end; time++) {
		unsigned line = 0;
		if (series->slices == 0 || series->begin[series->slices - 1] != time->begin) {
			/* A file may have more than this vmfee writes. */
			if (series->slices == TIMELINE_SLICES)
				return;
			series->begin[series->slices] = time->begin;
			series->end[series->slices++] = time->end;
		}
		while (line < series->reasons && series->reason[line] != time->reason)
			line++;
		series->count[line][series->slices - 1] += time->count;
	}
}

/* A series upon those before it.  Returns whether it has anything. */
static bool write_series(const struct series *series, unsigned line, uint64_t begin, FILE *out)
{
	bool any = false;

	for (unsigned i = 0; i < series->slices; i++) {
		uint64_t below = 0;
		if (series->count[line][i] == 0)
			continue;
		if (!any)
			fprintf(out, "\n\n\"%s\"\n",
				line == SERIES ? "others" : exit_reason_name(series->reason[line]));
		any = true;
		for (unsigned j = 0; j < line; j++)
			below += series->count[j][i];
		fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
			series->begin[i] - begin, series->end[i] - begin, below,
			below + series->count[line][i]);
	}
	return any;
}

unsigned plot_data_time(const struct analysis *analysis, FILE *out)
{
	const struct result_stack *stack = analysis->stack;
	const struct result_time *end;
	const struct result_time *first = of_base(stack, &end);
	struct series series = {.reasons = 0};
	unsigned written = 0;

	if (first == end)
		return 0;
	choose_reasons(&series, first, end);
	count_exits(&series, first, end);
	write_names(stack, out);
	for (unsigned i = 0; i <= SERIES; i++)
		written += write_series(&series, i, stack->bench[0].begin, out);
	return written;
}
