/*
 * A ring with its memory, as the tests of the ring and of what reads its packets want one.
 */
#ifndef TESTS_UNIT_TELEMETRY_RIG_H
#define TESTS_UNIT_TELEMETRY_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/ring.h"

struct rig {
	struct telemetry_ring ring;
	struct telemetry_producer producer;
	struct telemetry_consumer consumer;
};

#define RIG_RECORDS_PER_PAGE ((TELEMETRY_PAGE - sizeof(struct telemetry_packet)) / RECORD_BYTES)

/* Memory that no reader may take for zeroes. */
static inline void *rig_pages(size_t bytes)
{
	void *pages = aligned_alloc(TELEMETRY_PAGE, bytes);

	if (!pages)
		abort();
	return memset(pages, 0xa5, bytes);
}

/* A ring of @count sub-buffers of @pages pages, both sides attached. */
static inline void rig_init(struct rig *rig, uint32_t count, uint32_t pages)
{
	uint32_t bytes = pages * TELEMETRY_PAGE;

	rig->ring = (struct telemetry_ring){
		.producer_page = rig_pages(TELEMETRY_PAGE),
		.consumer_page = rig_pages(TELEMETRY_PAGE),
		.subbuffers = rig_pages((size_t)count * bytes),
		.subbuffer_count = count,
		.subbuffer_bytes = bytes,
		.cpu = 3,
		.level = 1,
	};
	if (telemetry_producer_init(&rig->producer, &rig->ring) != TELEMETRY_OK)
		abort();
	if (telemetry_consumer_init(&rig->consumer, rig->ring.producer_page,
				    rig->ring.consumer_page, rig->ring.subbuffers,
				    (uint64_t)count * bytes) != TELEMETRY_OK)
		abort();
}

static inline void rig_free(struct rig *rig)
{
	free(rig->ring.producer_page);
	free(rig->ring.consumer_page);
	free(rig->ring.subbuffers);
}

/* The next record to fill in; @ready tells whether the consumer has a packet more. */
static inline struct exit_record *rig_next(struct telemetry_producer *producer, bool *ready)
{
	*ready = telemetry_next(producer) && telemetry_next_slow(producer);
	return producer->cur;
}

/* Write one record; its number is its time. */
static inline bool rig_put(struct rig *rig, uint16_t reason, uint32_t number)
{
	bool ready;
	struct exit_record *record = rig_next(&rig->producer, &ready);

	*record = (struct exit_record){.tsc = number,
				       .reason = reason,
				       .level = 1,
				       .rip = ~(uint64_t)number,
				       .seq = number};
	return ready;
}

/* Append all packets that are ready to @stream, as the file of a trace has them. */
static inline void rig_drain(struct rig *rig, FILE *stream)
{
	struct telemetry_view view;

	for (;;) {
		if (telemetry_peek(&rig->consumer, &view) != TELEMETRY_OK)
			abort();
		if (!view.bytes)
			return;
		fwrite(&view.packet, sizeof(view.packet), 1, stream);
		fwrite(view.records, view.bytes - sizeof(view.packet), 1, stream);
		telemetry_consume(&rig->consumer);
	}
}

#endif
