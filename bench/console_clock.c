#include "bench/console_clock.h"

#include <string.h>

int console_take_clock(struct console *console, const struct line *line, struct vmfee_error *err)
{
	const char *name = line_name(line, "name", err);
	const char *text = line_value(line, "value", err);
	uint64_t numerator = 0;
	uint64_t denominator = 0;

	if (name == NULL || text == NULL)
		return -1;
	if (strcmp(name, "tsc_multiplier") != 0)
		return 0;
	if (!line_digits(&text, &numerator) || *text++ != '/' ||
	    !line_digits(&text, &denominator) || *text != '\0' || numerator == 0 ||
	    numerator > TSC_RATIO_MOST || denominator == 0 || denominator > TSC_RATIO_MOST)
		return vmfee_fail(err, VMFEE_GUEST, "tsc_multiplier is no NUM/DEN from 1 to %u",
				  TSC_RATIO_MOST);
	console->clock.multiplier = tsc_multiplier((uint16_t)numerator, (uint16_t)denominator);
	return 0;
}

/* From the first of the machine's ticks at which the guest's clock shows the one, to the last. */
int console_take_window(struct console *console, struct console_bench *bench,
			const struct line *line, struct vmfee_error *err)
{
	uint64_t begin;
	uint64_t end;

	if (line_number(line, "begin", 0, INT64_MAX, &begin, err) != 0 ||
	    line_number(line, "end", 0, INT64_MAX, &end, err) != 0)
		return -1;
	if (end < begin)
		return vmfee_fail(err, VMFEE_GUEST, "the window ends before it begins");
	if (begin < console->latest)
		return vmfee_fail(err, VMFEE_GUEST,
				  "the window begins before that of the last benchmark ends");
	console->latest = end;
	bench->begin = tsc_ticks_of_processor(&console->clock, begin);
	bench->end = tsc_ticks_of_processor(&console->clock, end + 1) - 1;
	if (bench->end > INT64_MAX)
		return vmfee_fail(err, VMFEE_GUEST, "the window ends behind all time");
	return 0;
}
