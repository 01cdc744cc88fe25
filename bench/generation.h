/*
 * Generations of processors by name: `generation=gen1` for all the switches of
 * bench/generation.def.
 */
#ifndef BENCH_GENERATION_H
#define BENCH_GENERATION_H

#include "bench/err.h"

#include <stdbool.h>

/*
 * Puts the switches of a generation in the place of `generation=NAME` in a hypervisor's command
 * line of at most STACK_MAX_CMDLINE characters; a switch that stands there by itself keeps its
 * value.  Without such a token the line stays as it is.  Returns 0, or -1 with VMFEE_USAGE.
 */
int generation_expand(char *cmdline, struct vmfee_error *err);

/* What came with the generation of that name, "EPT and VPID"; NULL where there is none. */
const char *generation_text(const char *name);

/* Its switches, as on a command line; NULL likewise. */
const char *generation_switches(const char *name);

/* The name of the generation with that number, the oldest being 0; NULL behind the newest. */
const char *generation_name(unsigned number);

/* Whether a generation came after another; both by name, false where either is none. */
bool generation_follows(const char *name, const char *other);

#endif
