#include "bench/console.h"
#include "bench/console_clock.h"
#include "bench/console_observed.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who may write a line: a hypervisor stands under another level, the workload on top. */
enum writer {
	HYPERVISOR = 1 << 0,
	WORKLOAD = 1 << 1,
	ANYBODY = HYPERVISOR | WORKLOAD,
};

struct kind {
	const char *word;
	enum writer writer;
	int (*take)(struct console *console, const struct line *line, struct vmfee_error *err);
};

const struct console_bench *console_find_bench(const struct console *console, const char *name)
{
	for (unsigned i = 0; i < console->benches; i++)
		if (strcmp(console->bench[i].name, name) == 0)
			return &console->bench[i];
	return NULL;
}

static int component_by_name(const char *name, enum fee_component *component,
			     struct vmfee_error *err)
{
	for (*component = 0; *component < FEE_COMPONENTS; (*component)++)
		if (strcmp(fee_component_name(*component), name) == 0)
			return 0;
	return vmfee_fail(err, VMFEE_GUEST, "component=%s is no component of the fee", name);
}

/* REASON:COUNT,REASON:COUNT; or "-" for none, or "any" */
static int take_expectations(struct console_bench *bench, const char *text, struct vmfee_error *err)
{
	bench->any_exits = strcmp(text, CONSOLE_ANY_EXITS) == 0;
	if (bench->any_exits || strcmp(text, "-") == 0)
		return 0;
	for (;;) {
		if (bench->expected == CONSOLE_MAX_EXPECTED)
			return vmfee_fail(err, VMFEE_GUEST, "expect= has more than %d reasons",
					  CONSOLE_MAX_EXPECTED);
		struct console_expectation *expect = &bench->expect[bench->expected];
		char name[STACK_MAX_NAME + 1];
		size_t length = strcspn(text, ":,");
		snprintf(name, sizeof(name), "%.*s", (int)length, text);
		int reason = exit_reason_by_name(name);
		if (reason < 0)
			return vmfee_fail(err, VMFEE_GUEST,
					  "expect= names no exit reason that is known: '%s'", name);
		text += length;
		if (*text++ != ':' || !line_digits(&text, &expect->per_op) ||
		    expect->per_op > CONSOLE_MAX_PER_OP)
			return vmfee_fail(err, VMFEE_GUEST, "expect=%s has no count from 0 to %d",
					  name, CONSOLE_MAX_PER_OP);
		expect->reason = (uint16_t)reason;
		bench->expected++;
		if (*text == '\0')
			return 0;
		if (*text++ != ',')
			return vmfee_fail(err, VMFEE_GUEST, "expect=%s: '%.10s' after the count",
					  name, text - 1);
	}
}

static int take_bench(struct console *console, const struct line *line, struct vmfee_error *err)
{
	const char *name = line_name(line, "name", err);
	const char *component = line_value(line, "component", err);
	const char *expect = line_value(line, "expect", err);
	uint64_t samples;

	if (name == NULL || component == NULL || expect == NULL)
		return -1;
	if (!stack_valid_name(name))
		return vmfee_fail(err, VMFEE_GUEST, "'%s' cannot name a benchmark", name);
	if (console_find_bench(console, name) != NULL)
		return vmfee_fail(err, VMFEE_GUEST, "benchmark '%s' a second time", name);
	if (console->benches == CONSOLE_MAX_BENCHES)
		return vmfee_fail(err, VMFEE_GUEST, "more than %d benchmarks", CONSOLE_MAX_BENCHES);

	struct console_bench *bench = &console->bench[console->benches];
	memset(bench, 0, sizeof(*bench));
	snprintf(bench->name, sizeof(bench->name), "%s", name);
	if (component_by_name(component, &bench->component, err) != 0 ||
	    line_number(line, "ops", 1, CONSOLE_MAX_OPS, &bench->ops, err) != 0 ||
	    line_number(line, "samples", 1, CONSOLE_MAX_SAMPLES, &samples, err) != 0 ||
	    take_expectations(bench, expect, err) != 0 ||
	    console_take_window(console, bench, line, err) != 0)
		return -1;
	bench->samples = (unsigned)samples;
	bench->ticks = calloc(samples, sizeof(bench->ticks[0]));
	if (bench->ticks == NULL)
		return vmfee_fail_errno(err, "samples of %s", name);
	console->benches++;
	return 0;
}

/* TICKSxCOUNT,TICKSxCOUNT */
static int take_sample(struct console *console, const struct line *line, struct vmfee_error *err)
{
	const char *name = line_name(line, "name", err);
	const char *text = line_value(line, "ticks", err);

	if (name == NULL || text == NULL)
		return -1;
	if (console->benches == 0 || strcmp(console->bench[console->benches - 1].name, name) != 0)
		return vmfee_fail(err, VMFEE_GUEST,
				  "samples of '%s', which is not the benchmark "
				  "announced last",
				  name);
	struct console_bench *bench = &console->bench[console->benches - 1];
	for (;;) {
		uint64_t ticks;
		uint64_t count;
		if (!line_digits(&text, &ticks) || *text++ != 'x' || !line_digits(&text, &count) ||
		    count == 0 || ticks > INT64_MAX || (*text != ',' && *text != '\0'))
			return vmfee_fail(err, VMFEE_GUEST, "ticks= is no list of TICKSxCOUNT");
		if (count > bench->samples - bench->have)
			return vmfee_fail(err, VMFEE_GUEST,
					  "more samples of '%s' than the %u announced", name,
					  bench->samples);
		while (count-- > 0)
			bench->ticks[bench->have++] = ticks;
		if (*text++ == '\0')
			return 0;
	}
}

static struct console_note *add_note(struct console_notes *notes, const struct line *line,
				     struct vmfee_error *err)
{
	const char *name = line_name(line, "name", err);

	if (name == NULL)
		return NULL;
	if (notes->count == CONSOLE_MAX_NOTES) {
		vmfee_fail(err, VMFEE_GUEST, "more than %d lines of @%s", CONSOLE_MAX_NOTES,
			   line->word);
		return NULL;
	}
	struct console_note *note = &notes->note[notes->count++];
	*note = (struct console_note){.level = line->depth};
	snprintf(note->name, sizeof(note->name), "%s", name);
	return note;
}

static int take_text_note(struct console_notes *notes, const struct line *line, const char *key,
			  struct vmfee_error *err)
{
	struct console_note *note = add_note(notes, line, err);
	const char *value = line_value(line, key, err);

	if (note == NULL || value == NULL)
		return -1;
	if (strlen(value) > CONSOLE_MAX_VALUE)
		return vmfee_fail(err, VMFEE_GUEST, "%s= is longer than %d bytes", key,
				  CONSOLE_MAX_VALUE);
	snprintf(note->value, sizeof(note->value), "%s", value);
	return 0;
}

static int take_skip(struct console *console, const struct line *line, struct vmfee_error *err)
{
	return take_text_note(&console->skips, line, "why", err);
}

static int take_fail(struct console *console, const struct line *line, struct vmfee_error *err)
{
	return take_text_note(&console->fails, line, "why", err);
}

static int take_switch(struct console *console, const struct line *line, struct vmfee_error *err)
{
	return take_text_note(&console->switches, line, "value", err) != 0 ||
			       console_take_clock(console, line, err) != 0
		       ? -1
		       : 0;
}

static int take_cap(struct console *console, const struct line *line, struct vmfee_error *err)
{
	struct console_note *note = add_note(&console->caps, line, err);

	if (note == NULL || line_number(line, "msr", 0, UINT32_MAX, &note->msr, err) != 0)
		return -1;
	return line_number(line, "value", 0, UINT64_MAX, &note->number, err);
}

static int take_telemetry(struct console *console, const struct line *line, struct vmfee_error *err)
{
	const char *outbox = line_value(line, "outbox", err);
	struct console_trace *trace = &console->trace[line->depth];
	uint64_t records;
	uint64_t dropped;
	uint64_t packets;
	uint64_t cpu;

	if (outbox == NULL || line_number(line, "cpu", 0, STACK_MAX_CPUS - 1, &cpu, err) != 0 ||
	    line_number(line, "records", 0, UINT32_MAX, &records, err) != 0 ||
	    line_number(line, "dropped", 0, UINT32_MAX, &dropped, err) != 0 ||
	    line_number(line, "packets", 0, UINT32_MAX, &packets, err) != 0)
		return -1;
	if (strcmp(outbox, "none") == 0)
		return 0;
	trace->told = true;
	if (cpu >= trace->cpus)
		trace->cpus = (unsigned)cpu + 1;
	trace->records += records;
	trace->dropped += dropped;
	trace->packets += packets;
	return 0;
}

static int take_l1vmm(struct console *console, const struct line *line, struct vmfee_error *err)
{
	uint64_t version;

	(void)console;
	return line_number(line, "version", 1, 1, &version, err);
}

static int take_image(struct console *console, const struct line *line, struct vmfee_error *err)
{
	(void)console;
	return line_name(line, "name", err) == NULL ? -1 : 0;
}

static int take_stop(struct console *console, const struct line *line, struct vmfee_error *err)
{
	const char *reason = line_value(line, "reason", err);

	if (reason == NULL)
		return -1;
	if (console->stop[0] != '\0')
		return 0;
	snprintf(console->stop_reason, sizeof(console->stop_reason), "%s", reason);
	for (unsigned i = 0; i < line->pairs; i++) {
		size_t used = strlen(console->stop);
		snprintf(console->stop + used, sizeof(console->stop) - used, "%s%s=%s",
			 i == 0 ? "" : " ", line->pair[i].key, line->pair[i].value);
	}
	return 0;
}

static int take_end(struct console *console, const struct line *line, struct vmfee_error *err)
{
	static const struct {
		const char *name;
		enum console_end end;
	} statuses[] = {
		{"ok", CONSOLE_OK},
		{"fail", CONSOLE_FAIL},
		{"guest-failure", CONSOLE_FAIL},
		{"guest-stopped", CONSOLE_STOPPED},
		{"panic", CONSOLE_PANIC},
		{"refused", CONSOLE_REFUSED},
	};
	const char *status = line_value(line, "status", err);

	if (line_name(line, "image", err) == NULL || status == NULL)
		return -1;
	if (console->end[line->depth] != CONSOLE_RUNNING)
		return vmfee_fail(err, VMFEE_GUEST, "level %u ends a second time", line->depth);
	for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strcmp(statuses[i].name, status) == 0)
			console->end[line->depth] = statuses[i].end;
	if (console->end[line->depth] == CONSOLE_RUNNING)
		return vmfee_fail(err, VMFEE_GUEST, "status=%.40s is no status", status);
	return 0;
}

static const struct kind kinds[] = {
	{"image", ANYBODY, take_image},
	{"bench", WORKLOAD, take_bench},
	{"sample", WORKLOAD, take_sample},
	{"skip", WORKLOAD, take_skip},
	{"fail", WORKLOAD, take_fail},
	{"l1vmm", HYPERVISOR, take_l1vmm},
	{"cap", HYPERVISOR, take_cap},
	{"switch", HYPERVISOR, take_switch},
	{"telemetry", HYPERVISOR, take_telemetry},
	{"observed", HYPERVISOR, console_take_observed},
	{"delivered", HYPERVISOR, console_take_delivered},
	{"handled", HYPERVISOR, console_take_handled},
	{"stop", HYPERVISOR, take_stop},
	{"end", ANYBODY, take_end},
};

/* Keeps a line for people, fit for a terminal.  An end that is a failure is explained by the last.
 */
static void keep_said(struct console *console, unsigned depth)
{
	char *said = console->said[depth];
	size_t length = console->pending - depth;

	if (length == 0)
		return;
	if (length > CONSOLE_MAX_TEXT)
		length = CONSOLE_MAX_TEXT;
	for (size_t i = 0; i < length; i++)
		said[i] = isprint((unsigned char)console->bytes[depth + i])
				  ? console->bytes[depth + i]
				  : '?';
	said[length] = '\0';
}

static int take_line(struct console *console, struct vmfee_error *err)
{
	struct line line;

	if (line_parse(&line, console->bytes, console->pending, err) != 0)
		return -1;
	if (line.depth >= console->levels)
		return vmfee_fail(err, VMFEE_GUEST, "from level %u of a stack of %u", line.depth,
				  console->levels);
	if (line.word == NULL) {
		keep_said(console, line.depth);
		return 0;
	}

	enum writer writer = line.depth == console->levels - 1 ? WORKLOAD : HYPERVISOR;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].word, line.word) != 0)
			continue;
		if (!(kinds[i].writer & writer))
			return vmfee_fail(err, VMFEE_GUEST, "@%s is no line of a %s", line.word,
					  writer == WORKLOAD ? "workload" : "hypervisor");
		return kinds[i].take(console, &line, err);
	}
	return vmfee_fail(err, VMFEE_GUEST, "@%.40s is no data line that is known", line.word);
}

static int end_line(struct console *console, struct vmfee_error *err)
{
	console->line++;
	if (take_line(console, err) != 0)
		return vmfee_prefix(err, "line %u", console->line);
	console->pending = 0;
	return 0;
}

void console_init(struct console *console, unsigned levels)
{
	memset(console, 0, sizeof(*console));
	console->levels = levels;
	console->clock.multiplier = TSC_MULTIPLIER_1;
}

int console_feed(struct console *console, const char *bytes, size_t length, struct vmfee_error *err)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\n') {
			if (end_line(console, err) != 0)
				return -1;
			continue;
		}
		/* One byte more than any line may have is enough to see that it is too long. */
		if (console->pending < sizeof(console->bytes))
			console->bytes[console->pending++] = bytes[i];
	}
	return 0;
}

int console_finish(struct console *console, struct vmfee_error *err)
{
	if (console->pending > 0 && end_line(console, err) != 0)
		return -1;
	for (unsigned i = 0; i < console->benches; i++) {
		const struct console_bench *bench = &console->bench[i];
		if (bench->have < bench->samples)
			return vmfee_fail(err, VMFEE_GUEST,
					  "benchmark '%s' announced %u samples, %u came",
					  bench->name, bench->samples, bench->have);
	}
	return 0;
}

void console_free(struct console *console)
{
	for (unsigned i = 0; i < console->benches; i++)
		free(console->bench[i].ticks);
	console->benches = 0;
}
