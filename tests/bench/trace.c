/*
 * How fast traces are read, on one that is as long as asked for:
 *
 *     bench-trace write FOLDER RECORDS   makes the trace
 *     bench-trace count FOLDER           reads it and counts its records by reason
 *     bench-trace sum FOLDER             reads it as vmfee does: sums and distributions by window
 */
#include "bench/exits.h"
#include "telemetry/ctf_metadata.h"
#include "telemetry/reader.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

/* As the hypervisor's ring has them. */
enum { PACKET_BYTES = 0x10000 };
#define PACKET_RECORDS ((PACKET_BYTES - sizeof(struct telemetry_packet)) / RECORD_BYTES)

/* Exits as a guest makes them, one after the other. */
static const struct exit_record pattern[] = {
	{.reason = 10, .guest_ticks = 5, .handled_ticks = 125, .vmreads = 5, .vmwrites = 1},
	{.reason = 30, .guest_ticks = 8, .handled_ticks = 168, .vmreads = 7, .vmwrites = 1},
	{.reason = 48, .guest_ticks = 2, .handled_ticks = 1821, .vmreads = 9, .vmwrites = 4},
	{.reason = 32,
	 .guest_ticks = 9,
	 .handled_ticks = 219,
	 .vmreads = 6,
	 .qualification = 0x80b},
	{.reason = 12, .guest_ticks = 90, .handled_ticks = 396, .vmreads = 8, .vmwrites = 3},
};

static int complain(const char *what)
{
	fprintf(stderr, "bench-trace: %s\n", what);
	return 1;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void fill_packet(unsigned char *bytes, uint64_t number, uint64_t count, uint64_t *tsc)
{
	struct telemetry_packet *head = (struct telemetry_packet *)bytes;
	struct exit_record *record = (struct exit_record *)(head + 1);

	memset(bytes, 0, PACKET_BYTES);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t seq = number * PACKET_RECORDS + i;
		record[i] = pattern[seq % (sizeof(pattern) / sizeof(pattern[0]))];
		record[i].seq = (uint32_t)seq;
		record[i].rip = 0x100000 + 16 * (seq % 4096);
		*tsc += record[i].guest_ticks;
		record[i].tsc = *tsc;
		/* Paths differ a little, as they do. */
		record[i].handled_ticks += seq * 7 % 16;
		*tsc += record[i].handled_ticks;
	}
	*head = (struct telemetry_packet){
		.magic = TELEMETRY_PACKET_MAGIC,
		.stream_id = TELEMETRY_STREAM_EXITS,
		.timestamp_begin = record[0].tsc,
		.timestamp_end = record[count - 1].tsc,
		.content_size = 8 * (sizeof(*head) + count * RECORD_BYTES),
		.packet_size = 8 * PACKET_BYTES,
		.packet_seq_num = number,
		.version = TELEMETRY_VERSION,
		.record_bytes = RECORD_BYTES,
	};
}

static FILE *create(const char *folder, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return fopen(path, "we");
}

static int write_trace(const char *folder, uint64_t records)
{
	static unsigned char packet[PACKET_BYTES] __attribute__((aligned(64)));
	struct ctf_metadata metadata = {.stack = "bench", .tick = "tick"};
	uint64_t tsc = 1000;

	if (records == 0 || mkdir(folder, 0777) != 0)
		return complain("the folder must be new, and records more than none");
	FILE *file = create(folder, "metadata");
	if (file == NULL || !ctf_metadata_write(file, &metadata) || fclose(file) != 0)
		return complain("cannot write the metadata");
	file = create(folder, "stream_0");
	for (uint64_t number = 0; file != NULL && records > 0; number++) {
		uint64_t count = records < PACKET_RECORDS ? records : PACKET_RECORDS;
		fill_packet(packet, number, count, &tsc);
		if (fwrite(packet, sizeof(packet), 1, file) != 1)
			return complain("cannot write the trace");
		records -= count;
	}
	return file != NULL && fclose(file) == 0 ? 0 : complain("cannot write the trace");
}

/* What is done with the records of a packet.  Returns how many it took in. */
typedef uint64_t sink(const struct reader_packet *packet);

static uint64_t by_reason[UINT16_MAX + 1];

static uint64_t count_records(const struct reader_packet *packet)
{
	for (size_t i = 0; i < packet->count; i++)
		by_reason[packet->records[i].reason]++;
	return packet->count;
}

static struct exits exits;

static uint64_t sum_records(const struct reader_packet *packet)
{
	static struct console console;
	struct vmfee_error err = {0};
	uint64_t before = exits.records;

	for (size_t i = 0; i < packet->count; i++)
		if (exits_add(&exits, &console, &packet->records[i], &err) != 0)
			break;
	return exits.records - before;
}

static int read_trace(const char *folder, sink *take)
{
	char path[PATH_MAX];
	struct reader reader;
	struct reader_packet packet;
	struct reader_error error;
	enum reader_result result;
	struct rusage usage;
	uint64_t records = 0;
	double begin = now();

	snprintf(path, sizeof(path), "%s/stream_0", folder);
	if (!reader_open(&reader, path, &error))
		return complain(error.text);
	while ((result = reader_next_packet(&reader, &packet, &error)) == READER_PACKET)
		records += take(&packet);
	getrusage(RUSAGE_SELF, &usage);
	double seconds = now() - begin;
	reader_close(&reader);
	exits_free(&exits);
	if (result == READER_ERROR)
		return complain(error.text);
	printf("%" PRIu64 " records, %.3f s, %.1f M records/s, %ld MB at most in memory\n", records,
	       seconds, (double)records / seconds / 1e6, usage.ru_maxrss / 1024);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "write") == 0)
		return write_trace(argv[2], strtoull(argv[3], NULL, 10));
	if (argc == 3 && strcmp(argv[1], "count") == 0)
		return read_trace(argv[2], count_records);
	if (argc == 3 && strcmp(argv[1], "sum") == 0)
		return read_trace(argv[2], sum_records);
	return complain("write FOLDER RECORDS, count FOLDER, or sum FOLDER");
}
