/*
 * The TLB of shadow/tlb_model.h over the trace of observe=trace: written apart from that model and
 * from the hypervisor, so that each checks the other.
 *
 * As under observe=tlb, a miss is like a fault: the page is taken in, and the instruction begins
 * again, so that in the end all the pages that it touches are held at once.
 */
#ifndef BENCH_TLB_SIM_H
#define BENCH_TLB_SIM_H

#include "shadow/tlb_model.h"
#include "telemetry/record.h"

struct tlb_sim;

/* NULL where memory is short. */
struct tlb_sim *tlb_sim_create(const struct tlb_parameters *parameters);
void tlb_sim_free(struct tlb_sim *sim);

/* What came of a record: how many pages were taken in, with how many references. */
struct tlb_sim_result {
	uint64_t refills;
	uint64_t references;
};

/* The next record of a trace. */
struct tlb_sim_result tlb_sim_feed(struct tlb_sim *sim, const struct exit_record *record);

#endif
