/*
 * The outbox: what a stack left behind the images of its boot disk, which is the packets of its
 * trace (docs/architecture.md, "Getting bulk data out").
 */
#ifndef BENCH_OUTBOX_H
#define BENCH_OUTBOX_H

#include "bench/err.h"

#include <stdint.h>

enum { OUTBOX_SECTOR = 512 };

/*
 * Copies the whole packets of a level from the disk image at `disk`, from sector lba of a box of
 * that many sectors on, to the file at `stream`, until the first sector that does not start with a
 * packet. *packets is how many there were.  Returns 0; or -1 with VMFEE_DISK, or VMFEE_SYSTEM where
 * a packet is damaged or copying failed.
 */
int outbox_copy(const char *disk, uint64_t lba, uint64_t sectors, uint32_t level,
		const char *stream, uint64_t *packets, struct vmfee_error *err);

#endif
