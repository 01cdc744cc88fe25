#include "bench/launcher/packer.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <limits.h>

#include "telemetry/reader.h"
#include "tests/unit/bench_rig.h"

enum { RECORDS = 2500 };

/* All records come out in order, in packets that a reader takes and a disk could. */
Test(launch_packer, records_become_packets)
{
	static struct packer packer;
	char folder[PATH_MAX];
	char stream[PATH_MAX];
	struct vmfee_error err = {0};
	struct sink sink;
	struct reader reader;
	struct reader_error error;
	struct reader_packet packet;
	uint32_t seen = 0;

	rig_folder(folder);
	rig_file(folder, "stream", "", stream);
	cr_assert_eq(sink_open(&sink, stream, &err), 0);
	packer.sink = &sink;
	for (uint32_t i = 0; i < RECORDS; i++) {
		const struct exit_record record = {.tsc = 10 * (uint64_t)i, .seq = i};
		cr_assert_eq(packer_add(&packer, &record, &err), 0);
	}
	cr_assert_eq(packer_flush(&packer, &err), 0);
	cr_assert_eq(packer_flush(&packer, &err), 0, "nothing is left");
	cr_assert_eq(sink_close(&sink, &err), 0);
	cr_expect_eq(packer.records, RECORDS);
	cr_expect_eq(packer.packets, 3);

	cr_assert(reader_open(&reader, stream, &error), "%s", error.text);
	while (reader_next_packet(&reader, &packet, &error) == READER_PACKET) {
		cr_expect_eq(packet.head->packet_size / 8 % 512, 0);
		cr_expect_eq(packet.head->level, 0);
		for (size_t i = 0; i < packet.count; i++)
			cr_assert_eq(packet.records[i].seq, seen++);
	}
	cr_expect_eq(seen, RECORDS);
	reader_close(&reader);
	rundir_remove_tree(folder);
}

Test(launch_packer, a_full_disk_is_told)
{
	static struct packer packer;
	const struct exit_record record = {.tsc = 1};
	struct vmfee_error err = {0};
	struct sink sink;

	cr_assert_eq(sink_open(&sink, "/dev/full", &err), 0, "%s", err.text);
	packer.sink = &sink;
	cr_assert_eq(packer_add(&packer, &record, &err), 0);
	cr_expect_neq(packer_flush(&packer, &err), 0);
	cr_expect_eq(err.status, VMFEE_DISK, "%s", err.text);
	sink_close(&sink, &err);
}
