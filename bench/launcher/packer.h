/*
 * Records of this process's own making into packets of a trace.
 */
#ifndef BENCH_LAUNCHER_PACKER_H
#define BENCH_LAUNCHER_PACKER_H

#include "bench/launcher/sink.h"
#include "telemetry/packet.h"

#include <stdint.h>

enum { PACKER_PACKET_BYTES = 65536 };

struct packer {
	struct sink *sink;
	uint64_t packets, records;
	uint64_t count; /* of records in the packet that is open */
	_Alignas(8) uint8_t packet[PACKER_PACKET_BYTES];
};

/* Both return 0, or -1 with the sink's error. */
int packer_add(struct packer *packer, const struct exit_record *record, struct vmfee_error *err);
int packer_flush(struct packer *packer, struct vmfee_error *err);

#endif
