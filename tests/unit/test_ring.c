#include <criterion/criterion.h>

#include "tests/unit/telemetry_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define PER_PAGE RIG_RECORDS_PER_PAGE

/* What a consumer has seen so far. */
struct seen {
	uint32_t next; /* number that the next record must have */
	uint64_t records;
	uint64_t discarded; /* cumulative, of the latest packet */
	uint64_t packets;
	uint64_t last_tsc;
};

/* Take one packet, each record exactly once and in order, drops apart.  False if there is none. */
static bool take(struct rig *rig, struct seen *seen)
{
	struct telemetry_view view;

	cr_assert_eq(telemetry_peek(&rig->consumer, &view), TELEMETRY_OK);
	if (!view.bytes)
		return false;
	cr_assert_eq(view.packet.packet_seq_num, seen->packets);
	cr_assert_geq(view.packet.events_discarded, seen->discarded);
	cr_assert_geq(view.packet.timestamp_begin, seen->last_tsc);
	for (uint64_t i = 0; i < view.record_count; i++) {
		const struct exit_record *record = &view.records[i];

		cr_assert_geq(record->seq, seen->next);
		cr_assert_eq(record->tsc, record->seq);
		cr_assert_eq(record->rip, ~(uint64_t)record->seq);
		seen->next = record->seq + 1;
	}
	seen->records += view.record_count;
	seen->discarded = view.packet.events_discarded;
	seen->last_tsc = view.packet.timestamp_end;
	seen->packets++;
	telemetry_consume(&rig->consumer);
	return true;
}

static void take_all(struct rig *rig, struct seen *seen)
{
	while (take(rig, seen))
		;
}

static void put_many(struct rig *rig, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		rig_put(rig, 10, i);
}

Test(ring, a_prompt_consumer_gets_every_record_however_often_the_ring_wraps)
{
	static const struct {
		uint32_t subbuffers, pages;
	} shapes[] = {{2, 1}, {3, 1}, {7, 2}, {2, 16}};

	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct rig rig;
		struct seen seen = {0};

		rig_init(&rig, shapes[i].subbuffers, shapes[i].pages);
		for (uint32_t n = 0; n < 20000; n++)
			if (rig_put(&rig, 10, n))
				take_all(&rig, &seen);
		cr_expect(telemetry_flush(&rig.producer));
		take_all(&rig, &seen);
		cr_expect_eq(seen.records, 20000);
		cr_expect_eq(seen.discarded, 0);
		cr_expect_eq(telemetry_counts(&rig.producer).records, 20000);
		rig_free(&rig);
	}
}

Test(ring, a_record_may_be_written_to_until_the_next_one)
{
	struct rig rig;
	struct telemetry_view view;
	uint64_t taken = 0;

	rig_init(&rig, 2, 1);
	for (uint32_t n = 0; n < 5 * PER_PAGE; n++) {
		bool ready;
		struct exit_record *record = rig_next(&rig.producer, &ready);

		*record = (struct exit_record){.tsc = n, .handled_ticks = UINT64_MAX};
		while (ready && telemetry_peek(&rig.consumer, &view) == TELEMETRY_OK &&
		       view.bytes) {
			for (uint64_t i = 0; i < view.record_count; i++)
				cr_assert_eq(view.records[i].handled_ticks, taken++);
			telemetry_consume(&rig.consumer);
		}
		record->handled_ticks = n;
	}
	cr_expect_eq(taken, 4 * PER_PAGE);
	rig_free(&rig);
}

Test(ring, a_full_sub_buffer_is_told_of_once_and_at_the_next_record)
{
	struct rig rig;

	rig_init(&rig, 4, 1);
	for (uint32_t n = 0; n < 3 * PER_PAGE; n++) {
		bool ready = rig_put(&rig, 10, n);

		cr_expect_eq(ready, n > 0 && n % PER_PAGE == 0, "record %u", n);
	}
	rig_free(&rig);
}

Test(ring, a_full_ring_drops_and_counts_and_overwrites_nothing)
{
	struct rig rig;
	struct seen seen = {0};
	uint32_t kept = 3 * PER_PAGE;

	rig_init(&rig, 3, 1);
	put_many(&rig, 0, kept + 1000);
	cr_expect_eq(telemetry_counts(&rig.producer).records, kept);
	cr_expect_eq(telemetry_counts(&rig.producer).discarded, 1000);
	cr_expect_eq(atomic_load(&rig.ring.producer_page->discarded), 1000, "visible at once");

	for (uint32_t packet = 1; packet <= 3; packet++) {
		cr_assert(take(&rig, &seen));
		cr_expect_eq(seen.records, packet * PER_PAGE);
		cr_expect_eq(seen.discarded, 0, "nothing was dropped before these");
	}
	cr_expect_not(take(&rig, &seen));
	cr_expect_eq(seen.next, kept, "the oldest records are the ones that are kept");
	rig_free(&rig);
}

Test(ring, the_next_packet_carries_the_number_of_dropped_records)
{
	struct rig rig;
	struct seen seen = {0};
	uint32_t kept = 2 * PER_PAGE, lost = 7;

	rig_init(&rig, 2, 1);
	put_many(&rig, 0, kept + lost);
	take_all(&rig, &seen);
	cr_assert_eq(seen.next, kept);

	put_many(&rig, kept + lost, kept + lost + PER_PAGE + 1);
	take_all(&rig, &seen);
	cr_expect_eq(seen.discarded, lost);
	cr_expect_eq(seen.records, kept + PER_PAGE);
	cr_expect_eq(seen.next, kept + lost + PER_PAGE);
	cr_expect_eq(telemetry_counts(&rig.producer).records, kept + PER_PAGE + 1);
	rig_free(&rig);
}

Test(ring, flush_closes_a_packet_early)
{
	static const uint32_t amounts[] = {1, 2, PER_PAGE - 1, PER_PAGE, PER_PAGE + 1};

	for (size_t i = 0; i < COUNT(amounts); i++) {
		struct rig rig;
		struct seen seen = {0};
		uint64_t packets = (amounts[i] + PER_PAGE - 1) / PER_PAGE;

		rig_init(&rig, 3, 1);
		put_many(&rig, 0, amounts[i]);
		cr_expect(telemetry_flush(&rig.producer));
		cr_expect(telemetry_flush(&rig.producer), "nothing to tell twice");
		take_all(&rig, &seen);
		cr_expect_eq(seen.packets, packets, "%u records", amounts[i]);
		cr_expect_eq(seen.records, amounts[i]);

		/* Sub-buffers that follow are whole again. */
		put_many(&rig, amounts[i], amounts[i] + PER_PAGE + 1);
		take_all(&rig, &seen);
		cr_expect_eq(seen.packets, packets + 1);
		cr_expect_eq(seen.records, amounts[i] + PER_PAGE);
		rig_free(&rig);
	}
}

Test(ring, flush_with_nothing_to_tell_makes_no_packet)
{
	struct rig rig;
	struct seen seen = {0};

	rig_init(&rig, 2, 1);
	cr_expect(telemetry_flush(&rig.producer));
	cr_expect_not(take(&rig, &seen));
	cr_expect_eq(telemetry_counts(&rig.producer).packets, 0);
	rig_free(&rig);
}

Test(ring, flush_tells_of_drops_as_soon_as_there_is_room)
{
	struct rig rig;
	struct seen seen = {0};
	struct telemetry_view view;

	rig_init(&rig, 2, 1);
	put_many(&rig, 0, 2 * PER_PAGE + 5);
	cr_expect_not(telemetry_flush(&rig.producer), "no sub-buffer is free");
	cr_assert(take(&rig, &seen));
	cr_expect(telemetry_flush(&rig.producer));
	cr_assert(take(&rig, &seen));
	cr_expect_eq(seen.discarded, 0);

	cr_assert_eq(telemetry_peek(&rig.consumer, &view), TELEMETRY_OK);
	cr_expect_eq(view.record_count, 0);
	cr_expect_eq(view.packet.content_size, 8 * sizeof(view.packet));
	cr_expect_eq(view.packet.events_discarded, 5);
	cr_expect_eq(view.packet.timestamp_begin, 2 * PER_PAGE + 4, "the last dropped record's");
	cr_assert(take(&rig, &seen));
	cr_expect_not(take(&rig, &seen));
	rig_free(&rig);
}

Test(ring, a_flush_behind_a_full_sub_buffer_lets_records_go_on)
{
	struct rig rig;
	struct seen seen = {0};

	rig_init(&rig, 1, 1);
	put_many(&rig, 0, PER_PAGE);
	cr_expect(telemetry_flush(&rig.producer));
	cr_assert(take(&rig, &seen));
	cr_expect(telemetry_flush(&rig.producer));
	put_many(&rig, PER_PAGE, 2 * PER_PAGE);
	cr_expect(telemetry_flush(&rig.producer));
	cr_assert(take(&rig, &seen));
	cr_expect_eq(seen.records, 2 * PER_PAGE);
	cr_expect_eq(seen.discarded, 0);
	rig_free(&rig);
}

Test(ring, a_packet_says_what_it_is)
{
	static const uint8_t zeroes[sizeof(struct telemetry_packet)];
	struct rig rig;
	struct telemetry_view view;

	rig_init(&rig, 2, 4);
	put_many(&rig, 100, 110);
	cr_assert(telemetry_flush(&rig.producer));
	cr_assert_eq(telemetry_peek(&rig.consumer, &view), TELEMETRY_OK);
	cr_expect_eq(view.packet.magic, 0xC1FC1FC1);
	cr_expect_eq(view.packet.timestamp_begin, 100);
	cr_expect_eq(view.packet.timestamp_end, 109);
	cr_expect_eq(view.packet.content_size, 8 * (128 + 10 * 64));
	cr_expect_eq(view.packet.packet_size, 8 * TELEMETRY_PAGE, "not all four pages");
	cr_expect_eq(view.packet.cpu_id, 3);
	cr_expect_eq(view.packet.level, 1);
	cr_expect_eq(view.packet.version, TELEMETRY_VERSION);
	cr_expect_eq(view.packet.record_bytes, 64);
	cr_expect_eq(view.bytes, TELEMETRY_PAGE);
	cr_expect_arr_eq(view.packet.reserved, zeroes, sizeof(view.packet.reserved));
	rig_free(&rig);
}

Test(ring, a_producer_that_is_off_keeps_and_counts_nothing)
{
	struct telemetry_producer producer;
	struct telemetry_counts counts;

	telemetry_producer_init_off(&producer);
	for (uint32_t n = 0; n < 1000; n++) {
		bool ready;
		struct exit_record *record = rig_next(&producer, &ready);

		*record = (struct exit_record){.tsc = n};
		cr_assert_eq(record, &producer.scratch[0]);
		cr_assert_not(ready);
	}
	cr_expect(telemetry_flush(&producer));
	counts = telemetry_counts(&producer);
	cr_expect_eq(counts.records + counts.discarded + counts.packets, 0);
}

Test(ring, records_come_with_what_is_the_same_in_all_of_them)
{
	struct rig rig;
	bool ready;

	rig_init(&rig, 2, 1);
	for (uint32_t n = 0; n < 2 * PER_PAGE; n++) {
		const struct exit_record *record = rig_next(&rig.producer, &ready);

		cr_assert_eq(record->id, RECORD_ID_EXIT);
		cr_assert_eq(record->level, 1);
		cr_assert_eq(record->vcpu, 3);
	}
	rig_free(&rig);
}
