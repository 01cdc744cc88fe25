/*
 * KVM's own view of the exits, by BPF programs on its tracepoints: telemetry/bpf/.
 */
#ifndef BENCH_LAUNCHER_OBSERVE_H
#define BENCH_LAUNCHER_OBSERVE_H

#include "bench/err.h"
#include "bench/launcher/output.h"
#include "bench/launcher/packer.h"

#include <stdbool.h>

struct observe;

/*
 * Loads and attaches the programs, for this process's guests.  Returns NULL where this machine does
 * not let it, with why and what would help in `why`: the run goes on without.
 */
struct observe *observe_open(char *why, size_t size);

/*
 * Moves the records that are there to the packer, as many as the ring has room for and no more.
 * Returns 0, or -1 with the packer's error.
 */
int observe_drain(struct observe *observe, struct packer *packer, struct vmfee_error *err);

/* Whether observe_drain() has left some, as far as it knows. */
bool observe_is_behind(const struct observe *observe);

/*
 * Says on the console what the programs have counted: records, drops, exits delivered to a guest
 * hypervisor, and how long exits took.  Needs no more than a guest's launcher may do.
 */
int observe_summarize(struct observe *observe, const struct ports_output *output,
		      struct vmfee_error *err);

void observe_close(struct observe *observe);

#endif
