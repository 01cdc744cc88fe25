#include "bench/launcher/drain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int blame(const struct drain *drain, enum telemetry_fault fault, struct vmfee_error *err)
{
	return vmfee_fail(err, VMFEE_GUEST, "the guest's telemetry ring, packet %" PRIu64 ": %s %s",
			  drain->packets, telemetry_fault_field(fault),
			  telemetry_fault_text(fault));
}

static int attach(struct drain *drain, struct vmfee_error *err)
{
	enum telemetry_fault fault = telemetry_consumer_init(
		&drain->consumer, (const struct telemetry_producer_page *)drain->ring,
		(struct telemetry_consumer_page *)(drain->ring + TELEMETRY_PAGE),
		drain->ring + (size_t)2 * TELEMETRY_PAGE, drain->ring_bytes);

	if (fault != TELEMETRY_OK)
		return blame(drain, fault, err);
	drain->packet = malloc(drain->consumer.subbuffer_bytes);
	if (drain->packet == NULL)
		return vmfee_fail_errno(err, "a packet of the trace");
	drain->attached = true;
	return 0;
}

/* The magic is what a guest writes last when it begins its ring. */
static bool has_begun(const struct drain *drain)
{
	const struct telemetry_producer_page *page = (const void *)drain->ring;

	return atomic_load_explicit(&page->magic, memory_order_acquire) != 0;
}

int drain_ring(struct drain *drain, struct vmfee_error *err)
{
	if (drain->ring_bytes == 0 || (!drain->attached && !has_begun(drain)))
		return 0;
	if (!drain->attached && attach(drain, err) != 0)
		return -1;
	drain->behind = false;
	for (uint32_t i = 0; i < drain->consumer.subbuffer_count; i++) {
		struct telemetry_view view;
		enum telemetry_fault fault = telemetry_peek(&drain->consumer, &view);
		if (fault != TELEMETRY_OK)
			return blame(drain, fault, err);
		if (view.bytes == 0)
			return 0;
		/* The head that was checked, not the one that is in the guest's memory now. */
		memcpy(drain->packet, &view.packet, sizeof(view.packet));
		memcpy(drain->packet + sizeof(view.packet), view.records,
		       view.bytes - sizeof(view.packet));
		if (sink_write(drain->sink, drain->packet, view.bytes, err) != 0)
			return -1;
		telemetry_consume(&drain->consumer);
		drain->packets++;
	}
	drain->behind = true;
	return 0;
}

void drain_free(struct drain *drain)
{
	free(drain->packet);
	drain->packet = NULL;
	drain->attached = false;
}
