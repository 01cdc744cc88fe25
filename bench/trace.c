#include "bench/trace.h"
#include "bench/outbox.h"

#include "telemetry/ctf_metadata.h"
#include "telemetry/reader.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

static int write_metadata(const struct trace_source *source, struct vmfee_error *err)
{
	char path[PATH_MAX];
	char stack[EXPERIMENT_MAX_NOTATION + STACK_MAX_NAME + 4];
	struct ctf_metadata metadata = {.stack = stack, .level = 0, .tick = source->tick};

	snprintf(stack, sizeof(stack), "%s / %s", source->platform, source->stack->notation);
	if (snprintf(path, sizeof(path), "%s/metadata", source->folder) >= PATH_MAX)
		return vmfee_fail(err, VMFEE_SYSTEM, "%s: too long a path", source->folder);
	FILE *file = fopen(path, "we");
	if (file == NULL)
		return vmfee_fail_errno(err, "%s", path);
	int failed = 0;
	if (!ctf_metadata_write(file, &metadata) || fflush(file) != 0)
		failed = vmfee_fail_errno(err, "%s", path);
	fclose(file);
	return failed;
}

/* Whether each exit of the traced level can be found among those of the level beneath. */
static bool can_join(const struct console *console)
{
	const struct console_trace *trace = console_trace(console);

	return console->observed.records > 0 && trace->records > 0 && trace->dropped == 0 &&
	       console->observed.dropped == 0;
}

/* Whether a guest that is a hypervisor has told of its exits, too, and nothing was lost. */
static bool has_levels(const struct console *console)
{
	const struct console_trace *lowest = console_trace(console);
	const struct console_trace *upper = lowest + 1;

	return console->traced + 1 < STACK_MAX_LEVELS && upper->records > 0 &&
	       upper->dropped == 0 && lowest->dropped == 0;
}

static int add_record(const struct exit_record *record, const struct console *console,
		      struct exits *exits, struct vmfee_error *err)
{
	if (exits_add(exits, console, record, err) != 0)
		return -1;
	if (has_levels(console) && record->level >= console->traced &&
	    (levels_add(&exits->levels, exits_window(console, record->tsc), record, err) != 0 ||
	     vmcs_accesses_add(&exits->accesses, record, err) != 0))
		return -1;
	if (!can_join(console))
		return 0;
	if (record->level == console->traced)
		return join_above(&exits->join, exits_window(console, record->tsc), record, err);
	return record->level < console->traced ? join_beneath(&exits->join, record, err) : 0;
}

static int add_packets(struct reader *reader, const struct console *console, struct exits *exits,
		       uint64_t *packets, struct vmfee_error *err)
{
	for (;;) {
		struct reader_packet packet;
		struct reader_error error;
		switch (reader_next_packet(reader, &packet, &error)) {
		case READER_END:
			return 0;
		case READER_ERROR:
			return vmfee_fail(err, VMFEE_SYSTEM, "%s", error.text);
		case READER_PACKET:
			break;
		}
		++*packets;
		for (size_t i = 0; i < packet.count; i++)
			if (add_record(&packet.records[i], console, exits, err) != 0)
				return -1;
	}
}

static int add_stream(const char *path, const struct console *console, struct exits *exits,
		      uint64_t *packets, struct vmfee_error *err)
{
	struct reader reader;
	struct reader_error error;

	if (!reader_open(&reader, path, &error))
		return vmfee_fail(err, VMFEE_SYSTEM, "%s", error.text);
	int failed = add_packets(&reader, console, exits, packets, err);
	reader_close(&reader);
	exits_sort(exits);
	return failed;
}

/* The stream of one CPU: stream_LEVEL, and stream_LEVEL_CPU for those that are not the first. */
static int take_cpu(const struct trace_source *source, const struct console *console,
		    unsigned level, unsigned cpu, uint64_t *packets, struct exits *exits,
		    struct vmfee_error *err)
{
	const struct outbox outbox = {
		.disk = source->disk,
		.lba = source->lba,
		.sectors = source->sectors,
		.level = level,
		.cpu = cpu,
	};
	char stream[PATH_MAX];
	char number[16] = "";

	if (cpu > 0)
		snprintf(number, sizeof(number), "_%u", cpu);
	if (snprintf(stream, sizeof(stream), "%s/stream_%u%s", source->folder, level, number) >=
	    PATH_MAX)
		return vmfee_fail(err, VMFEE_SYSTEM, "%s: too long a path", source->folder);
	uint64_t copied = 0;
	if (source->disk != NULL && outbox_copy(&outbox, stream, &copied, err) != 0)
		return -1;
	return add_stream(stream, console, exits, packets, err);
}

/*
 * One level's part of the outbox: the packets of each CPU become a stream of their own, and their
 * records are added up.  As many must be there as were announced.
 */
static int take_level(const struct trace_source *source, const struct console *console,
		      unsigned level, uint64_t records, uint64_t announced, struct exits *exits,
		      struct vmfee_error *err)
{
	unsigned told = console->trace[level].cpus;
	unsigned cpus = told > 0 ? told : 1; /* KVM's own exits come in one stream */
	uint64_t packets = 0;
	uint64_t before = exits->records;

	if (records == 0)
		return 0;
	for (unsigned cpu = 0; cpu < cpus; cpu++)
		if (take_cpu(source, console, level, cpu, &packets, exits, err) != 0)
			return -1;
	if (packets == announced && exits->records - before == records)
		return 0;
	return vmfee_fail(err, VMFEE_SYSTEM,
			  "the trace is cut short: %" PRIu64 " records in %" PRIu64
			  " packets announced, %" PRIu64 " in %" PRIu64 " found",
			  records, announced, exits->records - before, packets);
}

/* What KVM says that it delivered to its guest, and what the guest says that it got. */
static int compare_levels(const struct console *console, const struct exits *exits,
			  struct vmfee_error *err)
{
	const struct console_trace *trace = console_trace(console);
	uint64_t got[CONSOLE_REASONS] = {0};

	if (console->observed.records == 0 || trace->records == 0 || trace->dropped > 0)
		return 0;
	for (size_t i = 0; i < exits->sums; i++)
		if (exits->sum[i].level == console->traced)
			got[exits->sum[i].reason] += exits->sum[i].count;
	for (unsigned i = 0; i < CONSOLE_REASONS; i++)
		if (got[i] != console->observed.delivered[i])
			return vmfee_fail(err, VMFEE_SYSTEM,
					  "KVM delivered %" PRIu64 " exits %s, and its guest "
					  "recorded %" PRIu64,
					  console->observed.delivered[i],
					  exit_reason_name((uint16_t)i), got[i]);
	return 0;
}

/* What KVM's maps count by reason, and the records that say the same one by one. */
static int compare_maps(const struct console *console, const struct exits *exits,
			struct vmfee_error *err)
{
	uint64_t got[CONSOLE_REASONS] = {0};

	for (size_t i = 0; i < exits->sums; i++)
		if (exits->sum[i].level < console->traced)
			got[exits->sum[i].reason] += exits->sum[i].count;
	for (unsigned i = 0; i < CONSOLE_REASONS; i++) {
		uint64_t counted = 0;
		for (unsigned j = 0; j < CONSOLE_BUCKETS; j++)
			counted += console->observed.handled[i][j];
		if (counted != got[i])
			return vmfee_fail(err, VMFEE_SYSTEM,
					  "KVM's maps have %" PRIu64
					  " exits %s, its records %" PRIu64,
					  counted, exit_reason_name((uint16_t)i), got[i]);
	}
	return 0;
}

int trace_take(const struct trace_source *source, const struct console *console,
	       struct exits *exits, struct vmfee_error *err)
{
	const struct console_observed *observed = &console->observed;

	if (source->disk != NULL && mkdir(source->folder, 0777) != 0)
		return vmfee_fail_errno(err, "%s", source->folder);
	if (source->disk != NULL && write_metadata(source, err) != 0)
		return -1;
	for (unsigned level = console->traced; level < console->levels; level++) {
		const struct console_trace *trace = &console->trace[level];
		if (take_level(source, console, level, trace->records, trace->packets, exits,
			       err) != 0)
			return -1;
	}
	if (take_level(source, console, 0, observed->records, observed->packets, exits, err) != 0 ||
	    compare_levels(console, exits, err) != 0 ||
	    (observed->dropped == 0 && compare_maps(console, exits, err) != 0))
		return -1;
	if (has_levels(console) && levels_join(&exits->levels, err) != 0)
		return -1;
	return can_join(console) ? join_end(&exits->join, err) : 0;
}
