/*
 * The head of a CTF packet, generated from packet.def, and the one check of it.
 */
#ifndef TELEMETRY_PACKET_H
#define TELEMETRY_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "telemetry/record.h"

#define TELEMETRY_VERSION      1
#define TELEMETRY_PACKET_MAGIC 0xC1FC1FC1u
#define TELEMETRY_STREAM_EXITS 0

struct telemetry_packet {
#define PACKET_HEADER(ctype, name, text)  ctype name;
#define PACKET_CLOCK(ctype, name, text)	  ctype name;
#define PACKET_CONTEXT(ctype, name, text) ctype name;
#define PACKET_RESERVED(name, bytes)	  uint8_t name[bytes];
#include "telemetry/packet.def"
#undef PACKET_HEADER
#undef PACKET_CLOCK
#undef PACKET_CONTEXT
#undef PACKET_RESERVED
};

_Static_assert(sizeof(struct telemetry_packet) == 128, "records start at a cache line");

/* What can be wrong; TELEMETRY_OK is 0. */
enum telemetry_fault {
	TELEMETRY_OK,
#define TELEMETRY_FAULT(NAME, field, text) TELEMETRY_BAD_##NAME,
#include "telemetry/fault.def"
#undef TELEMETRY_FAULT
};

/* "magic", "packet_size" …: the field that @fault is about; "" for TELEMETRY_OK. */
const char *telemetry_fault_field(enum telemetry_fault fault);

/* What is wrong with that field, the end of a sentence that starts with its name. */
const char *telemetry_fault_text(enum telemetry_fault fault);

/* How many records follow @packet, which has passed telemetry_packet_check(). */
static inline size_t telemetry_packet_records(const struct telemetry_packet *packet)
{
	return (packet->content_size / 8 - sizeof(*packet)) / RECORD_BYTES;
}

/*
 * Whether @packet is the head of a packet of this version that fits into @available bytes, its head
 * included.  The caller hands in a copy where somebody else could still write.
 */
enum telemetry_fault telemetry_packet_check(const struct telemetry_packet *packet,
					    uint64_t available);

#endif
