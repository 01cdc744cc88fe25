#include "telemetry/packet.h"

#define BITS(bytes) (UINT64_C(8) * (bytes))

static const struct {
	const char *field;
	const char *text;
} faults[] = {
	[TELEMETRY_OK] = {"", "is valid"},
#define TELEMETRY_FAULT(NAME, field, text) [TELEMETRY_BAD_##NAME] = {field, text},
#include "telemetry/fault.def"
#undef TELEMETRY_FAULT
};

const char *telemetry_fault_field(enum telemetry_fault fault)
{
	return faults[fault].field;
}

const char *telemetry_fault_text(enum telemetry_fault fault)
{
	return faults[fault].text;
}

enum telemetry_fault telemetry_packet_check(const struct telemetry_packet *packet,
					    uint64_t available)
{
	if (available < sizeof(*packet))
		return TELEMETRY_BAD_PACKET_CUT_SHORT;
	if (packet->magic != TELEMETRY_PACKET_MAGIC)
		return TELEMETRY_BAD_MAGIC;
	if (packet->stream_id != TELEMETRY_STREAM_EXITS)
		return TELEMETRY_BAD_STREAM_ID;
	if (packet->version != TELEMETRY_VERSION)
		return TELEMETRY_BAD_VERSION;
	if (packet->record_bytes != RECORD_BYTES)
		return TELEMETRY_BAD_RECORD_BYTES;
	if (packet->packet_size < BITS(sizeof(*packet)) ||
	    packet->packet_size % BITS(RECORD_BYTES) != 0)
		return TELEMETRY_BAD_PACKET_SIZE;
	if (packet->packet_size / 8 > available)
		return TELEMETRY_BAD_PACKET_SIZE_BEYOND;
	if (packet->content_size < BITS(sizeof(*packet)) ||
	    packet->content_size > packet->packet_size)
		return TELEMETRY_BAD_CONTENT_SIZE;
	if ((packet->content_size - BITS(sizeof(*packet))) % BITS(RECORD_BYTES) != 0)
		return TELEMETRY_BAD_CONTENT_SIZE_PARTIAL;
	if (packet->timestamp_end < packet->timestamp_begin)
		return TELEMETRY_BAD_TIMESTAMP_END;
	return TELEMETRY_OK;
}
