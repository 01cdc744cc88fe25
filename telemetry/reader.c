#include "telemetry/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* How much is read before it is let go: a multiple of any page's size. */
enum { RELEASE_BYTES = 32 << 20 };

static const struct {
	const char *name;
	size_t offset;
	size_t bytes;
} fields[] = {
#define FIELD(ctype, name)		  {#name, offsetof(struct telemetry_packet, name), sizeof(ctype)},
#define PACKET_HEADER(ctype, name, text)  FIELD(ctype, name)
#define PACKET_CLOCK(ctype, name, text)	  FIELD(ctype, name)
#define PACKET_CONTEXT(ctype, name, text) FIELD(ctype, name)
#define PACKET_RESERVED(name, bytes)
#include "telemetry/packet.def"
#undef FIELD
#undef PACKET_HEADER
#undef PACKET_CLOCK
#undef PACKET_CONTEXT
#undef PACKET_RESERVED
};

static enum reader_result fail(const struct reader *reader, struct reader_error *error,
			       enum telemetry_fault fault, uint64_t offset, const char *value)
{
	error->fault = fault;
	error->field = telemetry_fault_field(fault);
	error->packet = reader->packet;
	error->offset = offset;
	snprintf(error->text, sizeof(error->text),
		 "%s: packet %" PRIu64 ", byte %" PRIu64 ": %s%s %s", reader->path, reader->packet,
		 offset, error->field, value, telemetry_fault_text(fault));
	return READER_ERROR;
}

/* A record's field at @offset of the file has a @value that it cannot have. */
static enum reader_result fail_record(const struct reader *reader, struct reader_error *error,
				      enum telemetry_fault fault, uint64_t offset, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), " %" PRIu64, value);
	return fail(reader, error, fault, offset, text);
}

/* The field of the packet's head that @fault is about has a value that it cannot have. */
static enum reader_result fail_packet(const struct reader *reader, struct reader_error *error,
				      enum telemetry_fault fault)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		uint64_t value = 0;
		uint64_t offset = reader->offset + fields[i].offset;

		if (strcmp(fields[i].name, telemetry_fault_field(fault)) != 0)
			continue;
		memcpy(&value, reader->file + offset, fields[i].bytes);
		return fail_record(reader, error, fault, offset, value);
	}
	return fail(reader, error, fault, reader->offset, "");
}

static bool fail_open(struct reader *reader, struct reader_error *error, const char *why)
{
	*error = (struct reader_error){.fault = TELEMETRY_OK, .field = ""};
	snprintf(error->text, sizeof(error->text), "%s: %s", reader->path, why);
	return false;
}

/* Map the regular file @fd.  NULL, or why that failed. */
static const char *map_file(struct reader *reader, int fd)
{
	struct stat status;
	void *file;

	if (fstat(fd, &status) != 0)
		return strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "not a regular file";
	if (status.st_size == 0)
		return NULL;
	file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED)
		return strerror(errno);
	madvise(file, (size_t)status.st_size, MADV_SEQUENTIAL);
	reader->file = file;
	reader->size = (uint64_t)status.st_size;
	return NULL;
}

bool reader_open(struct reader *reader, const char *path, struct reader_error *error)
{
	/* Without O_NONBLOCK a pipe of that name would wait for its writer here. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *why;

	*reader = (struct reader){.path = path};
	if (fd < 0)
		return fail_open(reader, error, strerror(errno));
	why = map_file(reader, fd);
	close(fd);
	return why ? fail_open(reader, error, why) : true;
}

void reader_close(struct reader *reader)
{
	if (reader->file)
		munmap((void *)reader->file, (size_t)reader->size);
	reader->file = NULL;
}

/* What one packet cannot say of itself: whether it goes with those before it. */
static enum telemetry_fault check_order(const struct reader *reader,
					const struct telemetry_packet *packet)
{
	const struct telemetry_packet *last = &reader->last;

	if (packet->packet_seq_num != reader->packet)
		return TELEMETRY_BAD_SEQ_NUM;
	if (packet->events_discarded < last->events_discarded)
		return TELEMETRY_BAD_DISCARDED;
	if (packet->timestamp_begin < last->timestamp_end)
		return TELEMETRY_BAD_TIMESTAMP_BEGIN;
	if (reader->packet > 0 && packet->cpu_id != last->cpu_id)
		return TELEMETRY_BAD_CPU_ID;
	if (reader->packet > 0 && packet->level != last->level)
		return TELEMETRY_BAD_LEVEL;
	return TELEMETRY_OK;
}

static enum reader_result check_records(const struct reader *reader,
					const struct reader_packet *packet,
					struct reader_error *error)
{
	uint64_t tsc = packet->head->timestamp_begin;

	for (size_t i = 0; i < packet->count; i++) {
		const struct exit_record *record = &packet->records[i];
		uint64_t offset = (uint64_t)((const unsigned char *)record - reader->file);

		if (record->id != RECORD_ID_EXIT)
			return fail_record(reader, error, TELEMETRY_BAD_RECORD_ID,
					   offset + offsetof(struct exit_record, id), record->id);
		if (record->tsc < tsc || record->tsc > packet->head->timestamp_end)
			return fail_record(reader, error, TELEMETRY_BAD_RECORD_TSC,
					   offset + offsetof(struct exit_record, tsc), record->tsc);
		tsc = record->tsc;
	}
	return READER_PACKET;
}

/*
 * However long the file, little of it stays in memory.  What somebody still looks at comes back
 * from the file by itself.
 */
static void release(struct reader *reader)
{
	if (reader->offset - reader->released < RELEASE_BYTES)
		return;
	madvise((void *)(reader->file + reader->released), RELEASE_BYTES, MADV_DONTNEED);
	reader->released += RELEASE_BYTES;
}

enum reader_result reader_next_packet(struct reader *reader, struct reader_packet *packet,
				      struct reader_error *error)
{
	const struct telemetry_packet *head;
	enum telemetry_fault fault;

	if (reader->offset == reader->size)
		return READER_END;
	head = (const struct telemetry_packet *)(reader->file + reader->offset);
	fault = telemetry_packet_check(head, reader->size - reader->offset);
	if (!fault)
		fault = check_order(reader, head);
	if (fault)
		return fail_packet(reader, error, fault);

	*packet = (struct reader_packet){
		.head = head,
		.records = (const struct exit_record *)(head + 1),
		.count = telemetry_packet_records(head),
		.discarded = head->events_discarded - reader->last.events_discarded,
	};
	if (check_records(reader, packet, error) == READER_ERROR)
		return READER_ERROR;
	reader->last = *head;
	reader->offset += head->packet_size / 8;
	reader->packet++;
	release(reader);
	return READER_PACKET;
}
