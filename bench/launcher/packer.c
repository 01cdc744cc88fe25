#include "bench/launcher/packer.h"

#include <string.h>

/* Whole sectors, so that a packet can go to a disk. */
#define UNIT 512

static struct exit_record *records_of(struct packer *packer)
{
	return (struct exit_record *)(packer->packet + sizeof(struct telemetry_packet));
}

int packer_flush(struct packer *packer, struct vmfee_error *err)
{
	struct telemetry_packet *head = (struct telemetry_packet *)packer->packet;
	uint64_t content = sizeof(*head) + packer->count * RECORD_BYTES;
	uint64_t size = (content + UNIT - 1) / UNIT * UNIT;

	if (packer->count == 0)
		return 0;
	*head = (struct telemetry_packet){
		.magic = TELEMETRY_PACKET_MAGIC,
		.stream_id = TELEMETRY_STREAM_EXITS,
		.timestamp_begin = records_of(packer)[0].tsc,
		.timestamp_end = records_of(packer)[packer->count - 1].tsc,
		.content_size = content * 8,
		.packet_size = size * 8,
		.packet_seq_num = packer->packets,
		.version = TELEMETRY_VERSION,
		.record_bytes = RECORD_BYTES,
	};
	memset(packer->packet + content, 0, size - content);
	packer->packets++;
	packer->count = 0;
	return sink_write(packer->sink, packer->packet, size, err);
}

int packer_add(struct packer *packer, const struct exit_record *record, struct vmfee_error *err)
{
	records_of(packer)[packer->count++] = *record;
	packer->records++;
	if (sizeof(struct telemetry_packet) + (packer->count + 1) * RECORD_BYTES <=
	    sizeof(packer->packet))
		return 0;
	return packer_flush(packer, err);
}
