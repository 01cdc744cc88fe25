/*
 * The keys of an experiment's section [experiment], and what each may hold.
 */
#ifndef BENCH_EXPERIMENT_KEY_H
#define BENCH_EXPERIMENT_KEY_H

#include "bench/experiment.h"

/* The index of a key, or -1 with VMFEE_USAGE and the names of those that there are. */
int experiment_key_find(const char *name, struct vmfee_error *err);

/* Gives the key of that index a value.  Returns 0, or -1 with VMFEE_USAGE and what is allowed. */
int experiment_key_set(struct experiment *experiment, int index, const char *value,
		       struct vmfee_error *err);

/* Gives every key that has a default its default.  Returns 0, or -1. */
int experiment_key_defaults(struct experiment *experiment, struct vmfee_error *err);

#endif
