/*
 * An initramfs: a cpio archive of the "newc" format (Documentation/driver-api/early-userspace/
 * buffer-format.rst of Linux), the same bytes for the same files.
 */
#ifndef BENCH_INITRAMFS_H
#define BENCH_INITRAMFS_H

#include "bench/err.h"

#include <stddef.h>
#include <stdio.h>

struct initramfs {
	FILE *file;
	const char *path;
	unsigned entries;
};

/* Begins the archive at path.  Returns 0, or -1 with VMFEE_DISK or VMFEE_SYSTEM. */
int initramfs_begin(struct initramfs *archive, const char *path, struct vmfee_error *err);

void initramfs_folder(struct initramfs *archive, const char *name);
void initramfs_text(struct initramfs *archive, const char *name, const char *text);
void initramfs_console(struct initramfs *archive);

/*
 * Adds the file at `from`, executable.  Returns 0, or -1 with `missing` where there is none,
 * VMFEE_DISK or VMFEE_SYSTEM.
 */
int initramfs_file(struct initramfs *archive, const char *name, const char *from,
		   enum vmfee_status missing, struct vmfee_error *err);

/* Ends the archive.  Returns 0, or -1 where something could not be written. */
int initramfs_end(struct initramfs *archive, struct vmfee_error *err);

/* Closes an archive that is not to be ended. */
void initramfs_abandon(struct initramfs *archive);

#endif
