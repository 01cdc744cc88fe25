#include <criterion/criterion.h>

#include <pthread.h>

#include "tests/unit/telemetry_rig.h"

/* What each side of the ring does about the other's nonsense. */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define PER_PAGE RIG_RECORDS_PER_PAGE

static void put_many(struct rig *rig, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		rig_put(rig, 10, i);
}

Test(ring_trust, the_producer_survives_any_tail)
{
	/*
	 * Three sub-buffers are full, the first of them was given back; then ten more records come,
	 * and the first of them looks for room.
	 */
	static const struct {
		uint64_t tail;
		enum telemetry_fault fault;
		uint64_t dropped;
	} rows[] = {
		{1, TELEMETRY_OK, 0},
		{2, TELEMETRY_OK, 0},
		{3, TELEMETRY_OK, 0},
		{0, TELEMETRY_BAD_TAIL_BACK, 10},
		{4, TELEMETRY_BAD_TAIL_AHEAD, 10},
		{1 + ((uint64_t)1 << 32), TELEMETRY_BAD_TAIL_AHEAD, 10},
		{INT64_MAX, TELEMETRY_BAD_TAIL_AHEAD, 10},
		{(uint64_t)INT64_MAX + 1, TELEMETRY_BAD_TAIL_AHEAD, 10},
		{UINT64_MAX - 1, TELEMETRY_BAD_TAIL_AHEAD, 10},
		{UINT64_MAX, TELEMETRY_BAD_TAIL_AHEAD, 10},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rig rig;
		struct telemetry_counts counts;
		char unread[TELEMETRY_PAGE];
		bool sane = rows[i].fault == TELEMETRY_OK;

		rig_init(&rig, 3, 1);
		put_many(&rig, PER_PAGE + 1);
		telemetry_consume(&rig.consumer);
		put_many(&rig, 2 * PER_PAGE - 1);
		memcpy(unread, (char *)rig.ring.subbuffers + TELEMETRY_PAGE, sizeof(unread));

		atomic_store(&rig.ring.consumer_page->tail, rows[i].tail);
		put_many(&rig, 1);
		counts = telemetry_counts(&rig.producer);
		cr_expect_eq(counts.bad_tails, !sane, "tail %#lx", (unsigned long)rows[i].tail);
		cr_expect_eq(atomic_load(&rig.ring.producer_page->bad_tails), !sane);
		cr_expect_eq(atomic_load(&rig.ring.producer_page->bad_tail), rows[i].fault);

		put_many(&rig, 9);
		counts = telemetry_counts(&rig.producer);
		cr_expect_eq(counts.discarded, rows[i].dropped, "tail %#lx",
			     (unsigned long)rows[i].tail);
		cr_expect_eq(counts.records, 3 * PER_PAGE + 10 - rows[i].dropped);
		cr_expect_arr_eq(unread, (char *)rig.ring.subbuffers + TELEMETRY_PAGE,
				 sizeof(unread), "unread data stand");
		rig_free(&rig);
	}
}

Test(ring_trust, a_tail_that_makes_sense_again_is_believed)
{
	struct rig rig;
	struct telemetry_counts counts;

	rig_init(&rig, 2, 1);
	atomic_store(&rig.ring.consumer_page->tail, 77);
	put_many(&rig, PER_PAGE + 10);
	counts = telemetry_counts(&rig.producer);
	cr_expect_eq(counts.discarded, 10);
	cr_expect_eq(counts.bad_tails, 10, "each record looked again");

	atomic_store(&rig.ring.consumer_page->tail, 0);
	put_many(&rig, 11);
	counts = telemetry_counts(&rig.producer);
	cr_expect_eq(counts.discarded, 10);
	cr_expect_eq(counts.records, PER_PAGE + 11);
	rig_free(&rig);
}

Test(ring_trust, a_producer_refuses_a_geometry_that_cannot_work)
{
	static const struct {
		uint32_t subbuffers, bytes;
		enum telemetry_fault fault;
	} rows[] = {
		{0, 4096, TELEMETRY_BAD_SUBBUFFERS},
		{65537, 4096, TELEMETRY_BAD_SUBBUFFERS},
		{UINT32_MAX, 4096, TELEMETRY_BAD_SUBBUFFERS},
		{2, 0, TELEMETRY_BAD_SUBBUFFER_BYTES},
		{2, 64, TELEMETRY_BAD_SUBBUFFER_BYTES},
		{2, 4095, TELEMETRY_BAD_SUBBUFFER_BYTES},
		{2, 4096 + 64, TELEMETRY_BAD_SUBBUFFER_BYTES},
		{2, TELEMETRY_MAX_SUBBUFFER_BYTES + 4096, TELEMETRY_BAD_SUBBUFFER_BYTES},
		{2, 0xfffff000, TELEMETRY_BAD_SUBBUFFER_BYTES},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct telemetry_producer producer;
		struct telemetry_ring ring = {.subbuffer_count = rows[i].subbuffers,
					      .subbuffer_bytes = rows[i].bytes};
		bool ready;

		cr_expect_eq(telemetry_producer_init(&producer, &ring), rows[i].fault, "row %zu",
			     i);
		cr_expect_eq(rig_next(&producer, &ready), &producer.scratch[0], "it is off");
		cr_expect_not(ready);
	}
}

Test(ring_trust, a_consumer_refuses_a_producer_page_that_makes_no_sense)
{
	static const struct {
		const char *field;
		size_t offset;
		uint32_t value;
		uint64_t mapped;
		enum telemetry_fault fault;
	} rows[] = {
#define PAGE_FIELD(field) #field, offsetof(struct telemetry_producer_page, field)
		{PAGE_FIELD(level), 7, 2 * 4096, TELEMETRY_OK},
		{PAGE_FIELD(magic), 0, 2 * 4096, TELEMETRY_BAD_RING_MAGIC},
		{PAGE_FIELD(version), 0, 2 * 4096, TELEMETRY_BAD_VERSION},
		{PAGE_FIELD(version), 2, 2 * 4096, TELEMETRY_BAD_VERSION},
		{PAGE_FIELD(record_bytes), 63, 2 * 4096, TELEMETRY_BAD_RECORD_BYTES},
		{PAGE_FIELD(subbuffers), 0, 2 * 4096, TELEMETRY_BAD_SUBBUFFERS},
		{PAGE_FIELD(subbuffers), UINT32_MAX, UINT64_MAX, TELEMETRY_BAD_SUBBUFFERS},
		{PAGE_FIELD(subbuffers), 3, 2 * 4096, TELEMETRY_BAD_MAPPED_BYTES},
		{PAGE_FIELD(subbuffers), 65536, 2 * 4096, TELEMETRY_BAD_MAPPED_BYTES},
		{PAGE_FIELD(subbuffer_bytes), 0, 2 * 4096, TELEMETRY_BAD_SUBBUFFER_BYTES},
		{PAGE_FIELD(subbuffer_bytes), 4097, 2 * 4096, TELEMETRY_BAD_SUBBUFFER_BYTES},
		{PAGE_FIELD(subbuffer_bytes), 0x80000000, UINT64_MAX,
		 TELEMETRY_BAD_SUBBUFFER_BYTES},
		{PAGE_FIELD(subbuffer_bytes), 8192, 2 * 4096, TELEMETRY_BAD_MAPPED_BYTES},
		{PAGE_FIELD(subbuffer_bytes), 4096, 2 * 4096 - 1, TELEMETRY_BAD_MAPPED_BYTES},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rig rig;
		struct telemetry_consumer consumer;

		rig_init(&rig, 2, 1);
		memcpy((char *)rig.ring.producer_page + rows[i].offset, &rows[i].value,
		       sizeof(rows[i].value));
		cr_expect_eq(telemetry_consumer_init(&consumer, rig.ring.producer_page,
						     rig.ring.consumer_page, rig.ring.subbuffers,
						     rows[i].mapped),
			     rows[i].fault, "%s %u", rows[i].field, rows[i].value);
		rig_free(&rig);
	}
}

Test(ring_trust, a_consumer_goes_on_where_the_one_before_it_stopped)
{
	/* Three of four sub-buffers are published. */
	static const struct {
		uint64_t tail;
		enum telemetry_fault fault;
	} rows[] = {
		{0, TELEMETRY_OK},
		{2, TELEMETRY_OK},
		{3, TELEMETRY_OK},
		{4, TELEMETRY_BAD_TAIL_AHEAD},
		{UINT64_MAX, TELEMETRY_BAD_TAIL_AHEAD},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rig rig;
		struct telemetry_consumer consumer;
		struct telemetry_view view;

		rig_init(&rig, 4, 1);
		put_many(&rig, 3 * PER_PAGE + 1);
		atomic_store(&rig.ring.consumer_page->tail, rows[i].tail);
		cr_assert_eq(telemetry_consumer_init(&consumer, rig.ring.producer_page,
						     rig.ring.consumer_page, rig.ring.subbuffers,
						     4 * TELEMETRY_PAGE),
			     rows[i].fault, "tail %lu", (unsigned long)rows[i].tail);
		if (rows[i].fault == TELEMETRY_OK) {
			cr_assert_eq(telemetry_peek(&consumer, &view), TELEMETRY_OK);
			cr_expect_eq(view.bytes != 0, rows[i].tail < 3);
			cr_expect(!view.bytes || view.packet.packet_seq_num == rows[i].tail);
		}
		rig_free(&rig);
	}
}

Test(ring_trust, a_consumer_does_not_believe_a_head)
{
	static const struct {
		uint64_t head;
		enum telemetry_fault fault;
	} rows[] = {
		{1, TELEMETRY_OK},	 {2, TELEMETRY_OK},	  {3, TELEMETRY_OK},
		{4, TELEMETRY_BAD_HEAD}, {0, TELEMETRY_BAD_HEAD}, {UINT64_MAX, TELEMETRY_BAD_HEAD},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rig rig;
		struct telemetry_view view;

		rig_init(&rig, 2, 1);
		put_many(&rig, 2 * PER_PAGE + 1);
		telemetry_consume(&rig.consumer);
		atomic_store(&rig.ring.producer_page->head, rows[i].head);
		cr_expect_eq(telemetry_peek(&rig.consumer, &view), rows[i].fault, "head %lu",
			     (unsigned long)rows[i].head);
		cr_expect(view.bytes == 0 || rows[i].fault == TELEMETRY_OK);
		rig_free(&rig);
	}
}

Test(ring_trust, a_consumer_checks_each_packet_and_can_skip_it)
{
	static const struct {
		size_t offset, bytes;
		uint64_t value;
		enum telemetry_fault fault;
	} rows[] = {
#define HEAD_FIELD(field) \
	offsetof(struct telemetry_packet, field), sizeof(((struct telemetry_packet *)0)->field)
		{HEAD_FIELD(magic), 0, TELEMETRY_BAD_MAGIC},
		{HEAD_FIELD(stream_id), 1, TELEMETRY_BAD_STREAM_ID},
		{HEAD_FIELD(version), 2, TELEMETRY_BAD_VERSION},
		{HEAD_FIELD(record_bytes), 0, TELEMETRY_BAD_RECORD_BYTES},
		{HEAD_FIELD(packet_size), 0, TELEMETRY_BAD_PACKET_SIZE},
		{HEAD_FIELD(packet_size), 8 * 64, TELEMETRY_BAD_PACKET_SIZE},
		{HEAD_FIELD(packet_size), 8 * 4096 + 1, TELEMETRY_BAD_PACKET_SIZE},
		{HEAD_FIELD(packet_size), 8 * (4096 + 64), TELEMETRY_BAD_PACKET_SIZE_BEYOND},
		{HEAD_FIELD(packet_size), UINT64_MAX - 511, TELEMETRY_BAD_PACKET_SIZE_BEYOND},
		{HEAD_FIELD(content_size), 0, TELEMETRY_BAD_CONTENT_SIZE},
		{HEAD_FIELD(content_size), 8 * 64, TELEMETRY_BAD_CONTENT_SIZE},
		{HEAD_FIELD(content_size), 8 * (4096 + 64), TELEMETRY_BAD_CONTENT_SIZE},
		{HEAD_FIELD(content_size), UINT64_MAX, TELEMETRY_BAD_CONTENT_SIZE},
		{HEAD_FIELD(content_size), 8 * (128 + 63), TELEMETRY_BAD_CONTENT_SIZE_PARTIAL},
		{HEAD_FIELD(content_size), 8 * (128 + 64) + 1, TELEMETRY_BAD_CONTENT_SIZE_PARTIAL},
		{HEAD_FIELD(timestamp_begin), UINT64_MAX, TELEMETRY_BAD_TIMESTAMP_END},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rig rig;
		struct telemetry_view view;

		rig_init(&rig, 3, 1);
		put_many(&rig, 2 * PER_PAGE + 1);
		memcpy((char *)rig.ring.subbuffers + rows[i].offset, &rows[i].value, rows[i].bytes);
		cr_expect_eq(telemetry_peek(&rig.consumer, &view), rows[i].fault, "row %zu", i);
		cr_expect_eq(view.bytes, 0);
		cr_expect_null(view.records);
		telemetry_consume(&rig.consumer);
		cr_expect_eq(telemetry_peek(&rig.consumer, &view), TELEMETRY_OK);
		cr_expect_eq(view.packet.packet_seq_num, 1);
		rig_free(&rig);
	}
}

#define STRESS_RECORDS 1000000

static void *produce(void *argument)
{
	struct rig *rig = argument;

	for (uint32_t n = 0; n < STRESS_RECORDS; n++)
		rig_put(rig, 10, n);
	while (!telemetry_flush(&rig->producer))
		sched_yield();
	return NULL;
}

Test(ring_trust, two_threads_account_for_every_record)
{
	struct rig rig;
	struct telemetry_view view;
	pthread_t producer;
	uint64_t records = 0, discarded = 0, next = 0;

	rig_init(&rig, 16, 1);
	cr_assert_eq(pthread_create(&producer, NULL, produce, &rig), 0);
	while (records + discarded < STRESS_RECORDS) {
		cr_assert_eq(telemetry_peek(&rig.consumer, &view), TELEMETRY_OK);
		if (!view.bytes) {
			sched_yield();
			continue;
		}
		for (uint64_t i = 0; i < view.record_count; i++) {
			cr_assert_geq(view.records[i].seq, next, "in order, none twice");
			cr_assert_eq(view.records[i].rip, ~(uint64_t)view.records[i].seq);
			next = view.records[i].seq + UINT64_C(1);
		}
		records += view.record_count;
		discarded = view.packet.events_discarded;
		telemetry_consume(&rig.consumer);
	}
	pthread_join(producer, NULL);
	cr_expect_eq(records + discarded, STRESS_RECORDS);
	cr_expect_eq(telemetry_counts(&rig.producer).records, records);
	cr_expect_eq(telemetry_counts(&rig.producer).discarded, discarded);
	cr_expect_eq(telemetry_counts(&rig.producer).bad_tails, 0);
	rig_free(&rig);
}
