#include "bench/launcher/sink.h"
#include "bench/launcher/output.h"

#include "l1vmm/arch/ata.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/io.h>
#include <sys/stat.h>
#include <unistd.h>

/* The primary channel's registers, as l1vmm/arch/ata.c has them. */
#define ATA_FIRST_PORT 0x1f0
#define ATA_PORTS      8

static int open_sectors(struct sink *sink, const char *where, struct vmfee_error *err)
{
	char end;

	if (sscanf(where, "ata:%u,%u%c", &sink->lba, &sink->sectors, &end) != 2)
		return vmfee_fail(err, VMFEE_USAGE, "'%s' is not ata:LBA,SECTORS", where);
	if (ioperm(ATA_FIRST_PORT, ATA_PORTS, 1) != 0)
		return vmfee_fail_errno(err, "the ports of the disk");
	return 0;
}

int sink_open(struct sink *sink, const char *where, struct vmfee_error *err)
{
	struct stat status;

	*sink = (struct sink){.file = -1, .name = where};
	if (strncmp(where, "ata:", strlen("ata:")) == 0)
		return open_sectors(sink, where, err);
	sink->file = open(where, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (sink->file < 0)
		return vmfee_fail_errno(err, "%s", where);
	if (fstat(sink->file, &status) != 0)
		return vmfee_fail_errno(err, "%s", where);
	sink->pipe = S_ISFIFO(status.st_mode);
	/* A device may have several writers, and a file system no locks. */
	if (S_ISREG(status.st_mode) && flock(sink->file, LOCK_EX | LOCK_NB) != 0 &&
	    errno == EWOULDBLOCK)
		return vmfee_fail(err, VMFEE_SYSTEM,
				  "%s: another launcher is writing it: wait for its end, or name "
				  "another file",
				  where);
	/* A device has no length. */
	if (ftruncate(sink->file, 0) != 0 && errno != EINVAL)
		return vmfee_fail_errno(err, "%s", where);
	return 0;
}

static int write_sectors(struct sink *sink, const char *bytes, size_t size, struct vmfee_error *err)
{
	if (size / ATA_SECTOR > sink->sectors)
		return vmfee_fail(err, VMFEE_DISK, "the outbox is full: raise `outbox`");
	while (size > 0) {
		size_t part = size / ATA_SECTOR;
		if (part > ATA_MAX_SECTORS)
			part = ATA_MAX_SECTORS;
		if (!ata_write(sink->lba, (uint32_t)part, bytes))
			return vmfee_fail(err, VMFEE_DISK, "the disk does not take sector %u",
					  sink->lba);
		sink->lba += (uint32_t)part;
		sink->sectors -= (uint32_t)part;
		bytes += part * ATA_SECTOR;
		size -= part * ATA_SECTOR;
	}
	return 0;
}

int sink_write(struct sink *sink, const void *packet, size_t size, struct vmfee_error *err)
{
	const char *bytes = packet;

	if (sink->file < 0)
		return write_sectors(sink, bytes, size, err);
	while (size > 0) {
		if (sink->pipe && !output_wait(sink->file))
			return vmfee_fail(err, VMFEE_INTERRUPTED, "%s: nobody reads it",
					  sink->name);
		ssize_t put =
			write(sink->file, bytes, sink->pipe && size > PIPE_BUF ? PIPE_BUF : size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return vmfee_fail_errno(err, "%s", sink->name);
		bytes += put;
		size -= (size_t)put;
	}
	return 0;
}

int sink_close(struct sink *sink, struct vmfee_error *err)
{
	int file = sink->file;

	sink->file = -1;
	if (file >= 0 && close(file) != 0)
		return vmfee_fail_errno(err, "%s", sink->name);
	return 0;
}
