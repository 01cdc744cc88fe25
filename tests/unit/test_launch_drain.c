#include "bench/launcher/drain.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "telemetry/reader.h"
#include "tests/unit/bench_rig.h"
#include "tests/unit/telemetry_rig.h"

enum { SUBBUFFERS = 4, SUBBUFFER_BYTES = TELEMETRY_PAGE };

static char folder[PATH_MAX];
static char stream[PATH_MAX];
static uint8_t *memory; /* of a guest: a ring as l1vmm lays it out */
static struct telemetry_producer producer;
static struct sink sink;
static struct drain drain;

static void set_up(void)
{
	struct vmfee_error err = {0};

	rig_folder(folder);
	rig_file(folder, "stream_0", "older", stream);
	memory = rig_pages((2 + SUBBUFFERS) * TELEMETRY_PAGE);
	memset(memory, 0, (2 + SUBBUFFERS) * TELEMETRY_PAGE);
	cr_assert_eq(sink_open(&sink, stream, &err), 0, "%s", err.text);
	drain = (struct drain){
		.ring = memory, .ring_bytes = SUBBUFFERS * SUBBUFFER_BYTES, .sink = &sink};
}

static void tear_down(void)
{
	struct vmfee_error err = {0};

	drain_free(&drain);
	sink_close(&sink, &err);
	free(memory);
	rundir_remove_tree(folder);
}

TestSuite(launch_drain, .init = set_up, .fini = tear_down);

static struct telemetry_producer_page *producer_page(void)
{
	return (struct telemetry_producer_page *)memory;
}

static void begin_ring(void)
{
	const struct telemetry_ring ring = {
		.producer_page = producer_page(),
		.consumer_page = (void *)(memory + TELEMETRY_PAGE),
		.subbuffers = memory + (size_t)2 * TELEMETRY_PAGE,
		.subbuffer_count = SUBBUFFERS,
		.subbuffer_bytes = SUBBUFFER_BYTES,
		.level = 1,
	};

	cr_assert_eq(telemetry_producer_init(&producer, &ring), TELEMETRY_OK);
}

static void record(uint32_t number)
{
	if (telemetry_next(&producer))
		telemetry_next_slow(&producer);
	producer.cur->tsc = number;
	producer.cur->seq = number;
}

static void expect_drained(void)
{
	struct vmfee_error err = {0};

	cr_assert_eq(drain_ring(&drain, &err), 0, "%s", err.text);
}

Test(launch_drain, a_ring_that_has_not_begun_holds_nothing)
{
	expect_drained();
	cr_expect_eq(drain.packets, 0);
}

Test(launch_drain, packets_come_out_while_the_guest_goes_on)
{
	struct reader reader;
	struct reader_error error;
	struct reader_packet packet;
	uint32_t number = 0, seen = 0;

	begin_ring();
	for (int round = 0; round < 20; round++) {
		for (unsigned i = 0; i < RIG_RECORDS_PER_PAGE; i++)
			record(number++);
		telemetry_flush(&producer);
		expect_drained();
	}
	cr_expect_eq(telemetry_counts(&producer).discarded, 0);
	cr_assert(reader_open(&reader, stream, &error), "%s", error.text);
	while (reader_next_packet(&reader, &packet, &error) == READER_PACKET)
		for (size_t i = 0; i < packet.count; i++)
			cr_assert_eq(packet.records[i].seq, seen++);
	cr_expect_eq(seen, number);
	cr_expect_eq(reader.offset, reader.size, "the last packet is whole");
	reader_close(&reader);
}

static void expect_blamed(const char *field)
{
	struct vmfee_error err = {0};

	cr_expect_neq(drain_ring(&drain, &err), 0);
	cr_expect_eq(err.status, VMFEE_GUEST);
	cr_expect_eq(strncmp(err.text, "the guest's telemetry ring", 26), 0, "%s", err.text);
	cr_expect_not_null(strstr(err.text, field), "wanted %s: %s", field, err.text);
}

/* Garbage in a control word harms nobody, and is named. */
Test(launch_drain, garbage_before_the_ring_is_found)
{
	begin_ring();
	producer_page()->magic = 0x12345678;
	expect_blamed("magic");
	producer_page()->magic = TELEMETRY_RING_MAGIC;
	producer_page()->version = 77;
	expect_blamed("version");
	producer_page()->version = TELEMETRY_VERSION;
	producer_page()->record_bytes = 0;
	expect_blamed("record_bytes");
	producer_page()->record_bytes = RECORD_BYTES;
	producer_page()->subbuffers = UINT32_MAX;
	expect_blamed("subbuffers");
	producer_page()->subbuffers = SUBBUFFERS;
	producer_page()->subbuffer_bytes = 3;
	expect_blamed("subbuffer_bytes");
	producer_page()->subbuffer_bytes = 2 * SUBBUFFER_BYTES;
	expect_blamed("subbuffers reach beyond");
}

Test(launch_drain, garbage_in_a_ring_that_runs)
{
	begin_ring();
	record(0);
	telemetry_flush(&producer);
	expect_drained();
	cr_expect_eq(drain.packets, 1);

	/* Of no consequence any more: the consumer has its own copy. */
	producer_page()->subbuffer_bytes = UINT32_MAX;
	producer_page()->subbuffers = 0;
	record(1);
	telemetry_flush(&producer);
	expect_drained();
	cr_expect_eq(drain.packets, 2);

	producer_page()->head = UINT64_MAX;
	expect_blamed("head");
	producer_page()->head = 2;
	record(2);
	telemetry_flush(&producer);
	memset(memory + (size_t)(2 + 2) * TELEMETRY_PAGE, 0xff, sizeof(struct telemetry_packet));
	expect_blamed("magic");
}

/* Takes what is written to a pipe, and first publishes more each time: there is always a packet. */
static void *publish_without_end(void *ctx)
{
	struct telemetry_consumer_page *consumer = (void *)(memory + TELEMETRY_PAGE);
	uint8_t packet[SUBBUFFER_BYTES];

	do
		atomic_store(&producer_page()->head, atomic_load(&consumer->tail) + SUBBUFFERS);
	while (read(*(const int *)ctx, packet, sizeof(packet)) > 0);
	return NULL;
}

/* The caller has a clock and signals to look at. */
Test(launch_drain, a_guest_that_publishes_without_end_does_not_keep_the_launcher, .timeout = 20)
{
	struct vmfee_error err = {0};
	pthread_t guest;
	int ends[2];

	begin_ring();
	for (unsigned i = 0; i < SUBBUFFERS; i++) {
		record(i);
		telemetry_flush(&producer);
	}
	cr_assert_eq(pipe(ends), 0);
	cr_assert_geq(fcntl(ends[1], F_SETPIPE_SZ, SUBBUFFER_BYTES), 0);
	cr_assert_eq(sink_close(&sink, &err), 0);
	sink.file = ends[1];
	cr_assert_eq(pthread_create(&guest, NULL, publish_without_end, &ends[0]), 0);
	expect_drained();
	cr_expect_eq(drain.packets, SUBBUFFERS);
	cr_expect(drain.behind);
	cr_assert_eq(sink_close(&sink, &err), 0);
	pthread_join(guest, NULL);
	close(ends[0]);
}

Test(launch_drain, a_ring_that_is_empty_leaves_nothing_behind)
{
	begin_ring();
	record(0);
	telemetry_flush(&producer);
	expect_drained();
	cr_expect_not(drain.behind);
}

Test(launch_drain, a_full_disk_is_told)
{
	struct vmfee_error err = {0};

	cr_assert_eq(sink_close(&sink, &err), 0);
	cr_assert_eq(sink_open(&sink, "/dev/full", &err), 0, "%s", err.text);
	begin_ring();
	record(0);
	telemetry_flush(&producer);
	cr_expect_neq(drain_ring(&drain, &err), 0);
	cr_expect_eq(err.status, VMFEE_DISK, "%s", err.text);
}

Test(launch_drain, a_stream_has_one_writer)
{
	struct vmfee_error err = {0};
	struct sink second;

	cr_expect_neq(sink_open(&second, stream, &err), 0);
	cr_expect_not_null(strstr(err.text, "another launcher is writing it"), "%s", err.text);
	sink_close(&second, &err);
}

Test(launch_drain, a_device_has_as_many_as_like)
{
	struct vmfee_error err = {0};
	struct sink first, second;

	cr_expect_eq(sink_open(&first, "/dev/null", &err), 0, "%s", err.text);
	cr_expect_eq(sink_open(&second, "/dev/null", &err), 0, "%s", err.text);
	sink_close(&first, &err);
	sink_close(&second, &err);
}
