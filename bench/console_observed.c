#include "bench/console_observed.h"

int console_take_observed(struct console *console, const struct line *line, struct vmfee_error *err)
{
	struct console_observed *observed = &console->observed;

	if (line_number(line, "records", 0, UINT32_MAX, &observed->records, err) != 0 ||
	    line_number(line, "dropped", 0, UINT32_MAX, &observed->dropped, err) != 0)
		return -1;
	if (line_number(line, "packets", 0, UINT32_MAX, &observed->packets, err) != 0)
		return -1;
	return line_number(line, "interrupts", 0, UINT32_MAX, &observed->interrupts, err);
}

static int line_reason(const struct line *line, struct vmfee_error *err)
{
	const char *name = line_name(line, "reason", err);
	int reason = name == NULL ? -1 : exit_reason_by_name(name);

	if (reason >= 0 && reason < CONSOLE_REASONS)
		return reason;
	return vmfee_fail(err, VMFEE_GUEST, "reason= names no exit reason that is known");
}

int console_take_delivered(struct console *console, const struct line *line,
			   struct vmfee_error *err)
{
	int reason = line_reason(line, err);

	if (reason < 0)
		return -1;
	return line_number(line, "count", 0, UINT32_MAX, &console->observed.delivered[reason], err);
}

/* BUCKETxCOUNT,BUCKETxCOUNT */
int console_take_handled(struct console *console, const struct line *line, struct vmfee_error *err)
{
	int reason = line_reason(line, err);
	const char *text = reason < 0 ? NULL : line_value(line, "log2", err);

	if (text == NULL)
		return -1;
	for (;;) {
		uint64_t bucket;
		uint64_t count;
		if (!line_digits(&text, &bucket) || *text++ != 'x' || !line_digits(&text, &count) ||
		    bucket >= CONSOLE_BUCKETS || count > UINT32_MAX ||
		    (*text != ',' && *text != '\0'))
			return vmfee_fail(err, VMFEE_GUEST, "log2= is no list of BUCKETxCOUNT");
		console->observed.handled[reason][bucket] += count;
		if (*text++ == '\0')
			return 0;
	}
}
