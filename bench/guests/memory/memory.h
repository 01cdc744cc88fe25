/*
 * Workloads on the image's own page tables: a row of bench/guests/memory.def and a function each.
 *
 * Whatever an operation needs is there before the first sample, and what came of it is checked
 * after the last: an exit between two samples counts as well.
 */
#ifndef BENCH_GUESTS_MEMORY_MEMORY_H
#define BENCH_GUESTS_MEMORY_MEMORY_H

#include "bench/guests/harness/sample.h"

enum {
	/* Frames of the image: 96 MB, the largest working set and its tables and more. */
	FRAMES = 24576,
};

void bench_empty(struct run *run);
void bench_pte_write(struct run *run);
void bench_first_access(struct run *run);
void bench_unmap(struct run *run);
void bench_protect(struct run *run);
void bench_demand_fault(struct run *run);
void bench_write_fault(struct run *run);
void bench_invlpg(struct run *run);
void bench_cr3_reload(struct run *run);
void bench_touch(struct run *run);
void bench_ptechurn(struct run *run);
void bench_ptechurn_batch(struct run *run);
void bench_forkstorm(struct run *run);
void bench_ctxswitch(struct run *run);
void bench_reload_global(struct run *run);
void bench_chase(struct run *run);
void bench_chase_exits(struct run *run);
void bench_gups(struct run *run);
void bench_mixed(struct run *run);

#endif
