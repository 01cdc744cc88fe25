/*
 * The two halves of an exit's record, around its handler, and what a wait in it makes of it.
 */
#ifndef L1VMM_VMX_EXIT_RECORD_H
#define L1VMM_VMX_EXIT_RECORD_H

#include <stdint.h>

#include "l1vmm/arch/cpu.h"
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

/* The exit has been a wait since `start`, which is the guest's time: as if it had come only now. */
static inline void record_waited(struct vcpu *v, uint64_t start)
{
	uint64_t waited = rdtsc_ordered() - start;

	v->telemetry.cur->tsc += waited;
	v->telemetry.cur->guest_ticks += waited;
}

/* The second half but for the entry stamp, and the counters of the next exit. */
static inline void record_end(struct vcpu *v)
{
	exit_record_set_cost(v->telemetry.cur, &v->cost);
	exit_cost_next(&v->cost, USUAL_VMREADS, USUAL_VMWRITES);
}

#endif
