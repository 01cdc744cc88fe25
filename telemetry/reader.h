/*
 * A cursor over a stream file of a trace: packet by packet, with the records of each in place.  All
 * that a packet says is checked before the caller sees it.  Hosted.
 */
#ifndef TELEMETRY_READER_H
#define TELEMETRY_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telemetry/packet.h"
#include "telemetry/record.h"

/* What was wrong, and where. */
struct reader_error {
	enum telemetry_fault fault; /* TELEMETRY_OK where the file could not be read at all */
	const char *field;	    /* the field at fault, "" where there is none */
	uint64_t packet;	    /* number of the packet in the file, from 0 */
	uint64_t offset;	    /* of the field, in bytes from the start of the file */
	char text[1024];	    /* one line: file, packet, offset, field, what is wrong */
};

struct reader {
	const char *path;
	const unsigned char *file; /* the whole of it, mapped */
	uint64_t size;
	uint64_t offset;	      /* of the next packet */
	uint64_t packet;	      /* its number */
	uint64_t released;	      /* bytes that need not stay in memory */
	struct telemetry_packet last; /* head of the packet before; zeroes at first */
};

struct reader_packet {
	const struct telemetry_packet *head;
	const struct exit_record *records;
	size_t count;
	uint64_t discarded; /* records dropped since the packet before */
};

enum reader_result { READER_PACKET, READER_END, READER_ERROR };

/*
 * Open the stream file @path, a name that stays valid until reader_close().  False, with *@error
 * filled in, when it cannot be opened or is not a regular file.  An empty file has no packets.
 */
bool reader_open(struct reader *reader, const char *path, struct reader_error *error);

/*
 * READER_PACKET: *@packet is the next one, valid until reader_close().  READER_END: there are no
 * more.  READER_ERROR: *@error says why this packet is not valid; nothing behind it can be read.
 */
enum reader_result reader_next_packet(struct reader *reader, struct reader_packet *packet,
				      struct reader_error *error);

void reader_close(struct reader *reader);

#endif
