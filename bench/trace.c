#include "bench/trace.h"
#include "bench/outbox.h"

#include "telemetry/ctf_metadata.h"
#include "telemetry/reader.h"

#include <inttypes.h>
#include <limits.h>
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

static int add_packets(struct reader *reader, const struct console *console, struct exits *exits,
		       struct vmfee_error *err)
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
		for (size_t i = 0; i < packet.count; i++)
			if (exits_add(exits, console, &packet.records[i], err) != 0)
				return -1;
	}
}

static int add_stream(const char *path, const struct console *console, struct exits *exits,
		      struct vmfee_error *err)
{
	struct reader reader;
	struct reader_error error;

	if (!reader_open(&reader, path, &error))
		return vmfee_fail(err, VMFEE_SYSTEM, "%s", error.text);
	int failed = add_packets(&reader, console, exits, err);
	reader_close(&reader);
	exits_sort(exits);
	return failed;
}

int trace_take(const struct trace_source *source, const struct console *console,
	       struct exits *exits, struct vmfee_error *err)
{
	char stream[PATH_MAX];
	uint64_t packets;

	if (snprintf(stream, sizeof(stream), "%s/stream_0", source->folder) >= PATH_MAX)
		return vmfee_fail(err, VMFEE_SYSTEM, "%s: too long a path", source->folder);
	if (mkdir(source->folder, 0777) != 0)
		return vmfee_fail_errno(err, "%s", source->folder);
	if (outbox_copy(source->disk, source->lba, source->sectors, stream, &packets, err) != 0 ||
	    write_metadata(source, err) != 0 || add_stream(stream, console, exits, err) != 0)
		return -1;
	if (packets != console->packets || exits->records != console->records)
		return vmfee_fail(err, VMFEE_SYSTEM,
				  "the trace is cut short: %" PRIu64 " records in %" PRIu64
				  " packets announced, %" PRIu64 " in %" PRIu64 " found",
				  console->records, console->packets, exits->records, packets);
	return 0;
}
