#include "bench/export.h"
#include "bench/project.h"

#include "telemetry/reader.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { BENCHMARKS = 0, LEVELS = 256, VCPUS = 256 };

/* One stack: a process, with a thread for its benchmarks and one for each level and vCPU. */
struct process {
	const struct export *export;
	const struct result_stack *stack;
	size_t pid;
	uint64_t origin;  /* the first stamp of all */
	uint64_t records; /* of all streams so far */
	bool named[LEVELS * VCPUS];
};

/* Each event but the first of the file follows a comma. */
static FILE *event(const struct process *process)
{
	fputs(",\n", process->export->out);
	return process->export->out;
}

static void name_thread(const struct process *process, unsigned tid, const char *name)
{
	fprintf(event(process),
		"{\"ph\":\"M\",\"pid\":%zu,\"tid\":%u,\"name\":\"thread_name\","
		"\"args\":{\"name\":\"%s\"}}",
		process->pid, tid, name);
}

/* The format's unit is a microsecond with decimals; a tick is shown as a nanosecond. */
static void put_time(FILE *out, const char *key, uint64_t ticks)
{
	fprintf(out, ",\"%s\":%" PRIu64 ".%03u", key, ticks / 1000, (unsigned)(ticks % 1000));
}

static void put_span(const struct process *process, unsigned tid, const char *name,
		     const char *category, uint64_t begin, uint64_t ticks)
{
	FILE *out = event(process);

	fprintf(out, "{\"ph\":\"X\",\"pid\":%zu,\"tid\":%u,\"name\":\"%s\",\"cat\":\"%s\"",
		process->pid, tid, name, category);
	put_time(out, "ts", begin - process->origin);
	put_time(out, "dur", ticks);
}

static unsigned thread_of(struct process *process, const struct exit_record *record)
{
	unsigned tid = 1 + record->level + LEVELS * record->vcpu;
	char name[32];

	if (!process->named[tid - 1]) {
		process->named[tid - 1] = true;
		snprintf(name, sizeof(name), record->vcpu == 0 ? "L%u" : "L%u vCPU %u",
			 record->level, record->vcpu);
		name_thread(process, tid, name);
	}
	return tid;
}

static int put_record(struct process *process, const struct exit_record *record)
{
	FILE *out = process->export->out;
	const char *name = exit_reason_name(record->reason);
	enum fee_component component =
		fee_component(record->reason, record->qualification, record->flags);

	if (name == NULL)
		return vmfee_fail(process->export->err, VMFEE_SYSTEM,
				  "exit %u has reason %u, which is none", record->seq,
				  record->reason);
	if (!export_wants_reason(process->export, record->reason))
		return 0;
	put_span(process, thread_of(process, record), name,
		 record->flags & RECORD_F_OBSERVED ? "observatory" : fee_component_name(component),
		 record->tsc, record->handled_ticks);
	fprintf(out,
		",\"args\":{\"seq\":%" PRIu32 ",\"rip\":\"0x%" PRIx64
		"\",\"qualification\":\"0x%" PRIx64 "\",\"guest_ticks\":%" PRIu64,
		record->seq, record->rip, record->qualification, record->guest_ticks);
#define RECORD_HEADER(ctype, field, unit, text)
#define RECORD_FIELD(ctype, field, unit, text)
#define RECORD_COUNTER(ctype, field, text) \
	if (record->field > 0)             \
		fprintf(out, ",\"" #field "\":%u", record->field);
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
	fputs("}}", out);
	return 0;
}

/* Records that were lost are a mark across the track, in front of the packet behind the gap. */
static void put_gap(const struct process *process, const struct reader_packet *packet)
{
	FILE *out = event(process);

	fprintf(out,
		"{\"ph\":\"i\",\"s\":\"p\",\"pid\":%zu,\"tid\":%u,\"name\":\"%" PRIu64
		" exits lost\"",
		process->pid, 1 + packet->head->level + LEVELS * (packet->head->cpu_id % VCPUS),
		packet->discarded);
	put_time(out, "ts", packet->head->timestamp_begin - process->origin);
	fputc('}', out);
}

static int put_stream(struct process *process, struct reader *reader)
{
	struct reader_packet packet;
	struct reader_error error;
	enum reader_result result;

	while ((result = reader_next_packet(reader, &packet, &error)) == READER_PACKET) {
		if (packet.discarded > 0)
			put_gap(process, &packet);
		process->records += packet.count;
		for (size_t i = 0; i < packet.count; i++)
			if (put_record(process, &packet.records[i]) != 0)
				return -1;
	}
	if (result == READER_ERROR)
		return vmfee_fail(process->export->err, VMFEE_SYSTEM, "%s", error.text);
	return 0;
}

/* The first stamp of a stream that has one, and whether it can be read so far. */
static int find_origin(struct process *process, struct reader *reader)
{
	struct reader_packet packet;
	struct reader_error error;

	switch (reader_next_packet(reader, &packet, &error)) {
	case READER_ERROR:
		return vmfee_fail(process->export->err, VMFEE_SYSTEM, "%s", error.text);
	case READER_PACKET:
		if (packet.head->timestamp_begin < process->origin)
			process->origin = packet.head->timestamp_begin;
		return 0;
	case READER_END:
		break;
	}
	return 0;
}

/* The stream of a processor at a level, if there is one. */
static int take_stream(struct process *process, unsigned level, unsigned cpu,
		       int (*take)(struct process *process, struct reader *reader), unsigned *found)
{
	char number[16] = "";
	char name[STACK_MAX_NAME + 48];
	char path[PATH_MAX];
	struct reader reader;
	struct reader_error error;

	if (cpu > 0)
		snprintf(number, sizeof(number), "_%u", cpu);
	snprintf(name, sizeof(name), "%s/trace/stream_%u%s", process->stack->name, level, number);
	if (project_path(path, process->export->run, name, "", process->export->err) != 0)
		return -1;
	if (access(path, F_OK) != 0)
		return 0;
	++*found;
	if (!reader_open(&reader, path, &error))
		return vmfee_fail(process->export->err, VMFEE_SYSTEM, "%s", error.text);
	int failed = take(process, &reader);
	reader_close(&reader);
	return failed;
}

/* The streams of all levels and processors, each from its beginning. */
static int each_stream(struct process *process,
		       int (*take)(struct process *process, struct reader *reader))
{
	unsigned found = 0;

	for (unsigned level = 0; level < STACK_MAX_LEVELS; level++)
		for (unsigned cpu = 0; cpu < VCPUS; cpu++)
			if (take_stream(process, level, cpu, take, &found) != 0)
				return -1;
	if (found > 0)
		return 0;
	return vmfee_fail(process->export->err, VMFEE_SYSTEM, "%s: no trace of the stack %s",
			  process->export->run, process->stack->name);
}

/* A trace that has lost its end by whole packets is well-formed. */
static int check_records(const struct process *process)
{
	uint64_t wanted = results_records(process->stack);

	if (process->records == wanted)
		return 0;
	return vmfee_fail(process->export->err, VMFEE_SYSTEM,
			  "%s: the trace of the stack %s has %" PRIu64
			  " exits, results.db %" PRIu64,
			  process->export->run, process->stack->name, process->records, wanted);
}

static int put_stack(struct process *process)
{
	const struct result_stack *stack = process->stack;

	process->origin = UINT64_MAX;
	process->records = 0;
	memset(process->named, 0, sizeof(process->named));
	for (size_t i = 0; i < stack->benches; i++)
		if (stack->bench[i].begin < process->origin)
			process->origin = stack->bench[i].begin;
	if (stack->traced && each_stream(process, find_origin) != 0)
		return -1;
	fprintf(event(process),
		"{\"ph\":\"M\",\"pid\":%zu,\"name\":\"process_name\",\"args\":{\"name\":\"%s\"}}",
		process->pid, stack->name);
	name_thread(process, BENCHMARKS, "benchmarks");
	for (size_t i = 0; i < stack->benches; i++) {
		const struct result_bench *bench = &stack->bench[i];
		put_span(process, BENCHMARKS, bench->name, "benchmark", bench->begin,
			 bench->end - bench->begin);
		fputc('}', process->export->out);
	}
	if (!stack->traced)
		return 0;
	return each_stream(process, put_stream) != 0 ? -1 : check_records(process);
}

int export_chrome(const struct export *export)
{
	static struct process process;
	const struct results *results = export->results;

	fputs("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"experiment\":", export->out);
	export_string(export->out, results_property(results, "experiment"));
	fputs(",\"a nanosecond is one\":", export->out);
	export_string(export->out, results_property(results, "tick"));
	fputs("},\"traceEvents\":[\n{\"ph\":\"M\",\"pid\":0,\"name\":\"process_name\","
	      "\"args\":{\"name\":\"vmfee\"}}",
	      export->out);
	for (size_t i = 0; i < results->stacks; i++) {
		process.export = export;
		process.stack = &results->stack[i];
		process.pid = i + 1;
		if (export_wants_stack(export, process.stack) && put_stack(&process) != 0)
			return -1;
	}
	fputs("\n]}\n", export->out);
	return 0;
}
