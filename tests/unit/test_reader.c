#include <criterion/criterion.h>

#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "telemetry/reader.h"
#include "tests/unit/telemetry_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * The stream that the tests spoil: three packets of a ring of two pages, full, full, and one with
 * ten records behind seven dropped ones.
 */
#define FULL	    RIG_RECORDS_PER_PAGE
#define LOST	    7
#define REST	    10
#define PACKETS	    3
#define STREAM_SIZE (PACKETS * TELEMETRY_PAGE)

struct stream {
	char path[64];
	FILE *file;
};

static void stream_open(struct stream *stream)
{
	int fd;

	strcpy(stream->path, "/tmp/l1vmm-reader-XXXXXX");
	fd = mkstemp(stream->path);
	cr_assert_geq(fd, 0);
	stream->file = fdopen(fd, "w+");
	cr_assert_not_null(stream->file);
}

static void stream_close(struct stream *stream)
{
	fclose(stream->file);
	unlink(stream->path);
}

static void stream_fill(struct stream *stream)
{
	uint32_t number = 0;
	struct rig rig;

	rig_init(&rig, 2, 1);
	while (number < 2 * FULL + LOST)
		rig_put(&rig, 10, number++);
	rig_drain(&rig, stream->file);
	while (number < 2 * FULL + LOST + REST)
		rig_put(&rig, 48, number++);
	telemetry_flush(&rig.producer);
	rig_drain(&rig, stream->file);
	rig_free(&rig);
	fflush(stream->file);
}

Test(reader, packets_come_with_their_records_and_what_was_dropped_before)
{
	static const struct {
		size_t count;
		uint64_t discarded, first;
	} expected[PACKETS] = {{FULL, 0, 0}, {FULL, 0, FULL}, {REST, LOST, 2 * FULL + LOST}};
	struct stream stream;
	struct reader reader;
	struct reader_packet packet;
	struct reader_error error;

	stream_open(&stream);
	stream_fill(&stream);
	cr_assert(reader_open(&reader, stream.path, &error), "%s", error.text);
	for (size_t i = 0; i < PACKETS; i++) {
		cr_assert_eq(reader_next_packet(&reader, &packet, &error), READER_PACKET, "%s",
			     error.text);
		cr_expect_eq(packet.count, expected[i].count);
		cr_expect_eq(packet.discarded, expected[i].discarded);
		cr_expect_eq(packet.head->cpu_id, 3);
		for (size_t n = 0; n < packet.count; n++)
			cr_assert_eq(packet.records[n].seq, expected[i].first + n);
	}
	cr_expect_eq(reader_next_packet(&reader, &packet, &error), READER_END);
	cr_expect_eq(reader_next_packet(&reader, &packet, &error), READER_END, "and stays there");
	reader_close(&reader);
	stream_close(&stream);
}

/* Spoilt bytes: @bytes of @value at @offset of packet @packet, in a file cut to @size. */
struct spoilt {
	uint64_t packet;
	size_t offset, bytes;
	uint64_t value;
	off_t size;
	enum telemetry_fault fault;
	const char *field;
};

/* Where in its packet the reader says that the fault is. */
static size_t reported_offset(const struct spoilt *row)
{
	switch (row->fault) {
	case TELEMETRY_BAD_PACKET_CUT_SHORT:
		return 0;
	case TELEMETRY_BAD_PACKET_SIZE_BEYOND:
		return offsetof(struct telemetry_packet, packet_size);
	case TELEMETRY_BAD_TIMESTAMP_END:
		return offsetof(struct telemetry_packet, timestamp_end);
	default:
		return row->offset;
	}
}

static void check_spoilt(const struct spoilt *row)
{
	off_t start = (off_t)(row->packet * TELEMETRY_PAGE);
	struct stream stream;
	struct reader reader;
	struct reader_packet packet;
	struct reader_error error;
	char where[160];

	stream_open(&stream);
	stream_fill(&stream);
	fseek(stream.file, start + (off_t)row->offset, SEEK_SET);
	fwrite(&row->value, row->bytes, 1, stream.file);
	fflush(stream.file);
	cr_assert_eq(ftruncate(fileno(stream.file), row->size), 0);

	cr_assert(reader_open(&reader, stream.path, &error), "%s", error.text);
	for (uint64_t i = 0; i < row->packet; i++)
		cr_assert_eq(reader_next_packet(&reader, &packet, &error), READER_PACKET, "%s",
			     error.text);
	cr_assert_eq(reader_next_packet(&reader, &packet, &error), READER_ERROR, "%s = %" PRIu64,
		     row->field, row->value);
	cr_expect_eq(error.fault, row->fault, "%s", error.text);
	cr_expect_str_eq(error.field, row->field);
	cr_expect_eq(error.packet, row->packet);
	cr_expect_eq(error.offset, (uint64_t)start + reported_offset(row), "%s", error.text);

	snprintf(where, sizeof(where), "%s: packet %" PRIu64 ", byte %" PRIu64 ": %s", stream.path,
		 row->packet, error.offset, row->field);
	cr_expect_eq(strncmp(error.text, where, strlen(where)), 0, "%s", error.text);
	cr_expect_null(strchr(error.text, '\n'));
	reader_close(&reader);
	stream_close(&stream);
}

#define HEAD(field) \
	offsetof(struct telemetry_packet, field), sizeof(((struct telemetry_packet *)0)->field)
#define RECORD(number, field)                                       \
	sizeof(struct telemetry_packet) + (number) * RECORD_BYTES + \
		offsetof(struct exit_record, field),                \
		sizeof(((struct exit_record *)0)->field)

Test(reader, each_fault_is_named_with_its_place)
{
	static const struct spoilt rows[] = {
		{1, HEAD(magic), 0, STREAM_SIZE, TELEMETRY_BAD_MAGIC, "magic"},
		{1, HEAD(stream_id), 1, STREAM_SIZE, TELEMETRY_BAD_STREAM_ID, "stream_id"},
		{1, HEAD(version), 0, STREAM_SIZE, TELEMETRY_BAD_VERSION, "version"},
		{1, HEAD(version), 2, STREAM_SIZE, TELEMETRY_BAD_VERSION, "version"},
		{1, HEAD(record_bytes), 128, STREAM_SIZE, TELEMETRY_BAD_RECORD_BYTES,
		 "record_bytes"},
		{1, HEAD(packet_size), 0, STREAM_SIZE, TELEMETRY_BAD_PACKET_SIZE, "packet_size"},
		{1, HEAD(packet_size), 8 * 4096 + 8, STREAM_SIZE, TELEMETRY_BAD_PACKET_SIZE,
		 "packet_size"},
		{2, HEAD(packet_size), 8 * (4096 + 64), STREAM_SIZE,
		 TELEMETRY_BAD_PACKET_SIZE_BEYOND, "packet_size"},
		{2, HEAD(packet_size), UINT64_MAX - 511, STREAM_SIZE,
		 TELEMETRY_BAD_PACKET_SIZE_BEYOND, "packet_size"},
		{1, HEAD(content_size), 8 * (4096 + 64), STREAM_SIZE, TELEMETRY_BAD_CONTENT_SIZE,
		 "content_size"},
		{1, HEAD(content_size), 0, STREAM_SIZE, TELEMETRY_BAD_CONTENT_SIZE, "content_size"},
		{1, HEAD(content_size), 8 * (128 + 65), STREAM_SIZE,
		 TELEMETRY_BAD_CONTENT_SIZE_PARTIAL, "content_size"},
		{1, HEAD(timestamp_begin), UINT64_MAX, STREAM_SIZE, TELEMETRY_BAD_TIMESTAMP_END,
		 "timestamp_end"},
		{1, HEAD(timestamp_begin), FULL - 2, STREAM_SIZE, TELEMETRY_BAD_TIMESTAMP_BEGIN,
		 "timestamp_begin"},
		{0, HEAD(packet_seq_num), 1, STREAM_SIZE, TELEMETRY_BAD_SEQ_NUM, "packet_seq_num"},
		{1, HEAD(packet_seq_num), 0, STREAM_SIZE, TELEMETRY_BAD_SEQ_NUM, "packet_seq_num"},
		{1, HEAD(packet_seq_num), 2, STREAM_SIZE, TELEMETRY_BAD_SEQ_NUM, "packet_seq_num"},
		{2, HEAD(cpu_id), 4, STREAM_SIZE, TELEMETRY_BAD_CPU_ID, "cpu_id"},
		{2, HEAD(level), 0, STREAM_SIZE, TELEMETRY_BAD_LEVEL, "level"},
		{0, RECORD(0, id), 1, STREAM_SIZE, TELEMETRY_BAD_RECORD_ID, "id"},
		{2, RECORD(REST - 1, id), UINT16_MAX, STREAM_SIZE, TELEMETRY_BAD_RECORD_ID, "id"},
		{1, RECORD(0, tsc), FULL - 1, STREAM_SIZE, TELEMETRY_BAD_RECORD_TSC, "tsc"},
		{1, RECORD(5, tsc), 2 * FULL, STREAM_SIZE, TELEMETRY_BAD_RECORD_TSC, "tsc"},
		{1, RECORD(5, tsc), FULL + 3, STREAM_SIZE, TELEMETRY_BAD_RECORD_TSC, "tsc"},
		{0, HEAD(stream_id), 0, 1, TELEMETRY_BAD_PACKET_CUT_SHORT, "packet"},
		{2, HEAD(stream_id), 0, STREAM_SIZE - 4096 + 127, TELEMETRY_BAD_PACKET_CUT_SHORT,
		 "packet"},
		{2, HEAD(stream_id), 0, STREAM_SIZE - 4096 + 128, TELEMETRY_BAD_PACKET_SIZE_BEYOND,
		 "packet_size"},
		{2, HEAD(stream_id), 0, STREAM_SIZE - 1, TELEMETRY_BAD_PACKET_SIZE_BEYOND,
		 "packet_size"},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		check_spoilt(&rows[i]);
}

Test(reader, a_count_of_dropped_records_never_falls)
{
	struct stream stream;
	struct reader reader;
	struct reader_packet packet;
	struct reader_error error;
	uint64_t discarded = LOST + 1;

	stream_open(&stream);
	stream_fill(&stream);
	fseek(stream.file, TELEMETRY_PAGE + offsetof(struct telemetry_packet, events_discarded),
	      SEEK_SET);
	fwrite(&discarded, sizeof(discarded), 1, stream.file);
	fflush(stream.file);
	cr_assert(reader_open(&reader, stream.path, &error), "%s", error.text);
	cr_assert_eq(reader_next_packet(&reader, &packet, &error), READER_PACKET);
	cr_assert_eq(reader_next_packet(&reader, &packet, &error), READER_PACKET);
	cr_expect_eq(packet.discarded, LOST + 1);
	cr_assert_eq(reader_next_packet(&reader, &packet, &error), READER_ERROR);
	cr_expect_eq(error.fault, TELEMETRY_BAD_DISCARDED, "%s", error.text);
	reader_close(&reader);
	stream_close(&stream);
}

/* Pages of this process that are in memory because of a file. */
static long pages_of_files(void)
{
	long size, resident, of_files;
	FILE *file = fopen("/proc/self/statm", "r");

	cr_assert_not_null(file);
	cr_assert_eq(fscanf(file, "%ld %ld %ld", &size, &resident, &of_files), 3);
	fclose(file);
	return of_files;
}

Test(reader, little_of_a_long_file_stays_in_memory_and_all_of_it_stays_valid)
{
	enum { ENOUGH = 25000, MANY_PAGES = 12000 };
	struct rig rig;
	struct stream stream;
	struct reader reader;
	struct reader_packet packet, first;
	struct reader_error error;
	uint32_t number = 0;

	stream_open(&stream);
	rig_init(&rig, 2, 1);
	for (unsigned i = 0; i < ENOUGH; i++) {
		for (unsigned j = 0; j < FULL; j++)
			rig_put(&rig, 10, number++);
		rig_drain(&rig, stream.file);
	}
	telemetry_flush(&rig.producer);
	rig_drain(&rig, stream.file);
	rig_free(&rig);
	fflush(stream.file);

	long before = pages_of_files();
	cr_assert(reader_open(&reader, stream.path, &error), "%s", error.text);
	cr_assert_eq(reader_next_packet(&reader, &first, &error), READER_PACKET);
	while (reader_next_packet(&reader, &packet, &error) == READER_PACKET)
		number -= (uint32_t)packet.count;
	cr_expect_eq(number, FULL, "all packets but the first");
	cr_expect_lt(pages_of_files() - before, MANY_PAGES);
	for (size_t i = 0; i < first.count; i++)
		cr_expect_eq(first.records[i].seq, i);
	reader_close(&reader);
	stream_close(&stream);
}

Test(reader, an_empty_file_has_no_packets)
{
	struct stream stream;
	struct reader reader;
	struct reader_packet packet;
	struct reader_error error;

	stream_open(&stream);
	cr_assert(reader_open(&reader, stream.path, &error), "%s", error.text);
	cr_expect_eq(reader_next_packet(&reader, &packet, &error), READER_END);
	reader_close(&reader);
	stream_close(&stream);
}

Test(reader, what_is_no_readable_file_is_refused_by_name)
{
	struct stream stream;
	struct reader reader;
	struct reader_error error;
	char fifo[80];

	cr_expect_not(reader_open(&reader, "/tmp", &error));
	cr_expect_str_eq(error.text, "/tmp: not a regular file");
	reader_close(&reader);

	cr_expect_not(reader_open(&reader, "/tmp/no/such/stream_0", &error));
	cr_expect_str_eq(error.text, "/tmp/no/such/stream_0: No such file or directory");
	cr_expect_eq(error.fault, TELEMETRY_OK);
	cr_expect_str_empty(error.field);
	reader_close(&reader);

	stream_open(&stream);
	snprintf(fifo, sizeof(fifo), "%s.fifo", stream.path);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_expect_not(reader_open(&reader, fifo, &error), "and it does not wait for a writer");
	unlink(fifo);
	stream_close(&stream);
}
