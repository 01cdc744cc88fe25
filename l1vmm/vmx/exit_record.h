/*
 * The two halves of an exit's record, around its handler.
 */
#ifndef L1VMM_VMX_EXIT_RECORD_H
#define L1VMM_VMX_EXIT_RECORD_H

#include <stdint.h>

#include "l1vmm/trace.h"
#include "l1vmm/vmx/exit.h"
#include "l1vmm/vmx/vcpu.h"

/* The first half of the record: what is known before the handler runs. */
static inline void record_begin(struct vcpu *v, uint64_t tsc, uint32_t reason, uint64_t rip,
				uint64_t detail)
{
	struct exit_record *record;

	if (telemetry_next(&v->telemetry))
		trace_next_slow(v);
	record = v->telemetry.cur;
	record->tsc = tsc;
	exit_record_set_reason(record, reason);
	record->rip = rip;
	record->qualification = detail;
	record->guest_ticks = tsc - v->entry_tsc;
}

/* The second half but for the entry stamp, and the counters of the next exit. */
static inline void record_end(struct vcpu *v)
{
	exit_record_set_cost(v->telemetry.cur, &v->cost);
	exit_cost_next(&v->cost, USUAL_VMREADS, USUAL_VMWRITES);
}

#endif
