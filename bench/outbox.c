#include "bench/outbox.h"

#include "telemetry/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

struct box {
	int disk, stream;
	const char *disk_path, *stream_path;
	off_t offset, end; /* in the disk: of the next packet, of the box */
	struct vmfee_error *err;
};

/* Reads bytes of the box into a buffer.  Returns 0, or -1. */
static int read_at(const struct box *box, void *buffer, size_t size, off_t offset)
{
	char *bytes = buffer;

	while (size > 0) {
		ssize_t got = pread(box->disk, bytes, size, offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return vmfee_fail_errno(box->err, "%s", box->disk_path);
		if (got == 0)
			return vmfee_fail(box->err, VMFEE_SYSTEM, "%s: ends inside its outbox",
					  box->disk_path);
		bytes += got;
		offset += got;
		size -= (size_t)got;
	}
	return 0;
}

static int append(const struct box *box, const void *buffer, size_t size)
{
	const char *bytes = buffer;

	while (size > 0) {
		ssize_t put = write(box->stream, bytes, size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return vmfee_fail_errno(box->err, "%s", box->stream_path);
		bytes += put;
		size -= (size_t)put;
	}
	return 0;
}

static int copy_bytes(const struct box *box, uint64_t size)
{
	char buffer[64 * 1024];
	off_t offset = box->offset;

	while (size > 0) {
		size_t part = size < sizeof(buffer) ? size : sizeof(buffer);
		if (read_at(box, buffer, part, offset) != 0 || append(box, buffer, part) != 0)
			return -1;
		offset += (off_t)part;
		size -= part;
	}
	return 0;
}

static int copy_packets(struct box *box, const struct outbox *outbox, uint64_t *packets)
{
	*packets = 0;
	for (uint64_t number = 0; box->offset + OUTBOX_SECTOR <= box->end; number++) {
		struct telemetry_packet head;
		if (read_at(box, &head, sizeof(head), box->offset) != 0)
			return -1;
		if (head.magic != TELEMETRY_PACKET_MAGIC)
			return 0;

		uint64_t room = (uint64_t)(box->end - box->offset);
		enum telemetry_fault fault = telemetry_packet_check(&head, room);
		if (fault != TELEMETRY_OK)
			return vmfee_fail(
				box->err, VMFEE_SYSTEM, "packet %" PRIu64 " of the outbox: %s %s",
				number, telemetry_fault_field(fault), telemetry_fault_text(fault));
		uint64_t size = head.packet_size / 8;
		if (size % OUTBOX_SECTOR != 0)
			return vmfee_fail(box->err, VMFEE_SYSTEM,
					  "packet %" PRIu64 " of the outbox: %" PRIu64
					  " bytes are no whole number of sectors",
					  number, size);
		if (head.level == outbox->level && head.cpu_id == outbox->cpu) {
			if (copy_bytes(box, size) != 0)
				return -1;
			(*packets)++;
		}
		box->offset += (off_t)size;
	}
	return 0;
}

int outbox_copy(const struct outbox *outbox, const char *stream, uint64_t *packets,
		struct vmfee_error *err)
{
	struct box box = {
		.disk = open(outbox->disk, O_RDONLY | O_CLOEXEC),
		.disk_path = outbox->disk,
		.stream_path = stream,
		.offset = (off_t)(outbox->lba * OUTBOX_SECTOR),
		.end = (off_t)((outbox->lba + outbox->sectors) * OUTBOX_SECTOR),
		.err = err,
	};

	if (box.disk < 0)
		return vmfee_fail_errno(err, "%s", outbox->disk);
	box.stream = open(stream, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (box.stream < 0) {
		vmfee_fail_errno(err, "%s", stream);
		close(box.disk);
		return -1;
	}
	int failed = copy_packets(&box, outbox, packets);
	close(box.disk);
	if (close(box.stream) != 0 && !failed)
		failed = vmfee_fail_errno(err, "%s", stream);
	return failed;
}
