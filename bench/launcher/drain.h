/*
 * The consumer of a guest's telemetry ring, straight from guest memory while the guest runs.  All
 * that it reads there, a guest may have written.
 */
#ifndef BENCH_LAUNCHER_DRAIN_H
#define BENCH_LAUNCHER_DRAIN_H

#include "bench/launcher/sink.h"
#include "telemetry/ring.h"

struct drain {
	uint8_t *ring;	     /* its two pages, then its sub-buffers */
	uint64_t ring_bytes; /* of the sub-buffers */
	struct sink *sink;
	bool attached;
	bool behind; /* the last look took a whole ring, and there may be more */
	struct telemetry_consumer consumer;
	uint64_t packets;
	uint8_t *packet; /* room for one: what is written out no longer changes */
};

/*
 * Moves the packets that are there to the sink, as many as a ring holds and no more: a guest may
 * say that there are others for as long as it likes, and the caller has other things to look after.
 * What a guest that no longer runs has published is all taken.  A ring not yet begun has none.
 * Returns 0; or -1 with VMFEE_GUEST and the field that the guest has wrong, VMFEE_DISK or
 * VMFEE_SYSTEM.
 */
int drain_ring(struct drain *drain, struct vmfee_error *err);

void drain_free(struct drain *drain);

#endif
