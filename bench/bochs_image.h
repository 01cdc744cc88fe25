/*
 * The disk that Bochs boots: boot sector, boot table, the images of a stack and the outbox.
 *
 * The boot sector puts the segments of the lowest image where its program headers say, hands the
 * other images on as PVH modules, and enters the lowest one by the PVH protocol.
 */
#ifndef BENCH_BOCHS_IMAGE_H
#define BENCH_BOCHS_IMAGE_H

#include "bench/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BOCHS_MIN_MEMORY = 16, /* MiB */
	/* MiB: what lies below the devices of the machine, but for the last. */
	BOCHS_MAX_MEMORY = 3071,
	BOCHS_MAX_IMAGES = 16,
};

struct bochs_stack_image {
	const char *path;
	const char *cmdline;
	bool data; /* a module that is no image: handed on as it is */
};

struct bochs_stack {
	const char *boot_sector; /* path of bochs-mbr.bin */
	const struct bochs_stack_image *images;
	size_t count;	 /* of images, bottom to top */
	unsigned memory; /* of the machine, MiB */
	uint64_t outbox; /* bytes, rounded up to whole sectors; 0: none */
};

struct bochs_image_layout {
	uint64_t file_size;	 /* bytes */
	uint64_t outbox_lba;	 /* first sector of the outbox */
	uint64_t outbox_sectors; /* of 512 bytes each */
};

/*
 * Writes the disk of a stack to `path`, whole or not at all.  Where an outbox is wanted,
 * " outbox=ata:LBA,SECTORS" is appended to the command line of the lowest image.  The space for all
 * of it is reserved, so that a full disk shows here and not in the middle of a run.
 *
 * Returns 0, or -1 with VMFEE_IMAGE (an image is not PVH, is cut short or does not fit into the
 * machine's memory), VMFEE_DISK, VMFEE_USAGE (a machine or command lines out of bounds) or
 * VMFEE_SYSTEM.
 */
int bochs_image_write(const char *path, const struct bochs_stack *stack,
		      struct bochs_image_layout *layout, struct vmfee_error *err);

#endif
