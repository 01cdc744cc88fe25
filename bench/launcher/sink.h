/*
 * Where packets of a trace go: a file, or the sectors of a disk that is written by hand because no
 * driver has it.
 */
#ifndef BENCH_LAUNCHER_SINK_H
#define BENCH_LAUNCHER_SINK_H

#include "bench/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink {
	int file;	  /* -1: sectors */
	bool pipe;	  /* whose reader is not waited for once there is no time left */
	const char *name; /* of the file */
	uint32_t lba, sectors;
};

/*
 * Opens "PATH", or "ata:LBA,SECTORS" of the first disk.  A file that another launcher is writing is
 * refused.  Returns 0, or -1 with VMFEE_USAGE, VMFEE_DISK or VMFEE_SYSTEM.
 */
int sink_open(struct sink *sink, const char *where, struct vmfee_error *err);

/* Appends a packet.  Returns 0; or -1 with VMFEE_DISK, VMFEE_SYSTEM or VMFEE_INTERRUPTED. */
int sink_write(struct sink *sink, const void *packet, size_t size, struct vmfee_error *err);

int sink_close(struct sink *sink, struct vmfee_error *err);

#endif
