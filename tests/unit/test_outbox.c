#include "bench/outbox.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "telemetry/packet.h"
#include "tests/unit/bench_rig.h"

/* A disk whose outbox is the sectors from LBA on. */
enum { LBA = 3, SECTORS = 64, PACKET = 4096 };

static char folder[PATH_MAX];
static char disk[PATH_MAX];
static char stream[PATH_MAX];

static void set_up(void)
{
	rig_folder(folder);
	rig_file(folder, "disk.img", "", disk);
	rig_file(folder, "stream_0", "older", stream);
	cr_assert_eq(truncate(disk, (LBA + SECTORS) * OUTBOX_SECTOR), 0);
}

static void tear_down(void)
{
	rundir_remove_tree(folder);
}

TestSuite(outbox, .init = set_up, .fini = tear_down);

static void put(long sector, const void *bytes, size_t size)
{
	FILE *file = fopen(disk, "r+");

	cr_assert_not_null(file);
	fseek(file, (LBA + sector) * OUTBOX_SECTOR, SEEK_SET);
	fwrite(bytes, 1, size, file);
	cr_assert_eq(fclose(file), 0);
}

static struct telemetry_packet head_of(uint64_t packet_bytes, uint64_t records)
{
	return (struct telemetry_packet){
		.magic = TELEMETRY_PACKET_MAGIC,
		.stream_id = TELEMETRY_STREAM_EXITS,
		.content_size = 8 * (sizeof(struct telemetry_packet) + records * RECORD_BYTES),
		.packet_size = 8 * packet_bytes,
		.version = TELEMETRY_VERSION,
		.record_bytes = RECORD_BYTES,
	};
}

static void put_packet(long sector, uint64_t bytes, uint64_t number)
{
	struct telemetry_packet head = head_of(bytes, 5);

	head.packet_seq_num = number;
	put(sector, &head, sizeof(head));
}

static int copy(uint64_t *packets, struct vmfee_error *err)
{
	const struct outbox outbox = {.disk = disk, .lba = LBA, .sectors = SECTORS};

	return outbox_copy(&outbox, stream, packets, err);
}

static off_t stream_size(void)
{
	struct stat status;

	cr_assert_eq(stat(stream, &status), 0);
	return status.st_size;
}

/* Two CPUs of one level: packets of the two lie in any order. */
Test(outbox, each_cpu_has_a_stream_of_its_own)
{
	static const uint32_t owners[] = {0, 1, 1, 0, 1};
	struct vmfee_error err = {0};

	for (unsigned i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
		struct telemetry_packet head = head_of(PACKET, 5);

		head.cpu_id = owners[i];
		put((long)(i * PACKET / OUTBOX_SECTOR), &head, sizeof(head));
	}
	for (uint32_t cpu = 0; cpu < 3; cpu++) {
		static const uint64_t expected[] = {2, 3, 0};
		const struct outbox outbox = {
			.disk = disk, .lba = LBA, .sectors = SECTORS, .cpu = cpu};
		uint64_t packets = 7;

		cr_assert_eq(outbox_copy(&outbox, stream, &packets, &err), 0, "%s", err.text);
		cr_expect_eq(packets, expected[cpu], "CPU %u", cpu);
		cr_expect_eq(stream_size(), (off_t)(expected[cpu] * PACKET), "CPU %u", cpu);
	}
}

Test(outbox, an_empty_box_gives_an_empty_stream)
{
	struct vmfee_error err = {0};
	uint64_t packets = 7;

	cr_assert_eq(copy(&packets, &err), 0, "%s", err.text);
	cr_expect_eq(packets, 0);
	cr_expect_eq(stream_size(), 0);
}

Test(outbox, packets_of_any_size_are_copied_until_the_first_sector_that_is_none)
{
	struct vmfee_error err = {0};
	uint64_t packets;
	char *bytes = malloc(3 * PACKET);

	put_packet(0, PACKET, 0);
	put(1, "inside", 6);
	put_packet(8, 2 * PACKET, 1);
	put(24, "not a packet", 12);
	put_packet(32, PACKET, 2);
	cr_assert_eq(copy(&packets, &err), 0, "%s", err.text);
	cr_expect_eq(packets, 2);
	cr_assert_eq(stream_size(), 3 * PACKET);

	FILE *file = fopen(stream, "r");
	cr_assert_eq(fread(bytes, 1, 3 * PACKET, file), 3 * PACKET);
	fclose(file);
	cr_expect_eq(memcmp(bytes + OUTBOX_SECTOR, "inside", 6), 0);
	struct telemetry_packet second;
	memcpy(&second, bytes + PACKET, sizeof(second));
	cr_expect_eq(second.packet_seq_num, 1);
	free(bytes);
}

Test(outbox, a_box_that_is_full_ends_where_it_ends)
{
	struct vmfee_error err = {0};
	uint64_t packets;

	for (long i = 0; i < SECTORS / 8; i++)
		put_packet(8 * i, PACKET, (uint64_t)i);
	cr_assert_eq(copy(&packets, &err), 0, "%s", err.text);
	cr_expect_eq(packets, SECTORS / 8);
	cr_expect_eq(stream_size(), SECTORS * OUTBOX_SECTOR);
}

Test(outbox, a_packet_that_reaches_beyond_the_box_is_refused)
{
	struct vmfee_error err = {0};
	uint64_t packets;

	put_packet(0, PACKET, 0);
	put_packet(8, SECTORS * OUTBOX_SECTOR, 1);
	cr_expect_eq(copy(&packets, &err), -1);
	cr_expect_eq(err.status, VMFEE_SYSTEM);
	cr_expect_not_null(strstr(err.text, "packet 1 of the outbox: packet_size"), "%s", err.text);
}

Test(outbox, a_damaged_head_is_named)
{
	struct vmfee_error err = {0};
	struct telemetry_packet head = head_of(PACKET, 5);
	uint64_t packets;

	head.version++;
	put(0, &head, sizeof(head));
	cr_expect_eq(copy(&packets, &err), -1);
	cr_expect_not_null(strstr(err.text, "packet 0 of the outbox: version"), "%s", err.text);
}

Test(outbox, packets_are_whole_sectors)
{
	struct vmfee_error err = {0};
	uint64_t packets;

	put_packet(0, PACKET + 64, 0);
	cr_expect_eq(copy(&packets, &err), -1);
	cr_expect_not_null(strstr(err.text, "no whole number of sectors"), "%s", err.text);
}

Test(outbox, a_disk_that_is_too_short_is_named)
{
	struct vmfee_error err = {0};
	uint64_t packets;

	put_packet(0, PACKET, 0);
	cr_assert_eq(truncate(disk, (LBA + 2) * OUTBOX_SECTOR), 0);
	cr_expect_eq(copy(&packets, &err), -1);
	cr_expect_not_null(strstr(err.text, "ends inside its outbox"), "%s", err.text);

	err = (struct vmfee_error){0};
	cr_expect_eq(outbox_copy(&(struct outbox){.disk = "/nowhere/disk.img", .sectors = 1},
				 stream, &packets, &err),
		     -1);
	cr_expect_not_null(strstr(err.text, "/nowhere/disk.img: No such file"), "%s", err.text);
}
