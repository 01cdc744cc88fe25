/*
 * The outbox: what a stack left behind the images of its boot disk, which is the packets of its
 * trace (docs/architecture.md, "Getting bulk data out").
 */
#ifndef BENCH_OUTBOX_H
#define BENCH_OUTBOX_H

#include "bench/err.h"

#include <stdint.h>

enum { OUTBOX_SECTOR = 512 };

/* Where packets are, and whose are wanted. */
struct outbox {
	const char *disk;      /* path of the image */
	uint64_t lba, sectors; /* the box in it */
	uint32_t level, cpu;
};

/*
 * Copies the whole packets of one CPU of a level to the file at `stream`, until the first sector
 * that does not start with a packet. *packets is how many there were.  Returns 0; or -1 with
 * VMFEE_DISK, or VMFEE_SYSTEM where a packet is damaged or copying failed.
 */
int outbox_copy(const struct outbox *outbox, const char *stream, uint64_t *packets,
		struct vmfee_error *err);

#endif
