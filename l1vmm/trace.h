/*
 * Exit records of a vCPU: where they are kept, and how they leave the machine.
 */
#ifndef L1VMM_TRACE_H
#define L1VMM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/arch/below.h"
#include "l1vmm/options.h"
#include "l1vmm/vmx/vcpu.h"

struct trace_options {
	bool on;
	uint64_t ring_bytes; /* memory for sub-buffers */
	enum outbox outbox;
	uint32_t outbox_lba; /* its first sector */
	uint32_t outbox_sectors;
	uint64_t outbox_address; /* hpa of the ring */
};

/* Memory that outbox=mapped takes for a ring whose sub-buffers are `ring_bytes` in all. */
uint64_t trace_mapped_bytes(uint64_t ring_bytes);

/* Gives `v` its ring.  False where the pool of memory is too small. */
bool trace_init(struct vcpu *v, uint32_t level, const struct trace_options *options);

/*
 * The slow half of telemetry_next().  Full sub-buffers go to the outbox, and the processor's
 * time-stamp counter is set back to where it was, so that neither records nor the guest see the
 * time that it took.  It saves all registers itself, so that the exit path need not for its sake.
 */
void trace_next_slow(struct vcpu *v) __attribute__((preserve_most));

/* Whether packets of the levels above go to the same outbox. */
enum packets_taken trace_takes_packets(const struct vcpu *v);

/*
 * Puts one there; false where the outbox is full.  For any processor.
 * @pre trace_takes_packets(); the packet is one, of whole sectors
 */
bool trace_take_packet(struct vcpu *v, const void *packet, uint64_t bytes);

/* Lets everything out that is kept, and says how much it was; for the end of a run. */
void trace_finish(void);

#endif
