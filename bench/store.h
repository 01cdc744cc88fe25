/*
 * Writing results.db: one file, one transaction, the schema of schema.c.
 */
#ifndef BENCH_STORE_H
#define BENCH_STORE_H

#include "bench/console.h"
#include "bench/exits.h"
#include "bench/experiment.h"

struct store;

/* Begins a file at path, which must not exist.  Returns NULL with an error. */
struct store *store_create(const char *path, struct vmfee_error *err);

/* Adds a property of the run.  Returns 0, or -1 with VMFEE_DISK or VMFEE_SYSTEM. */
int store_property(struct store *store, const char *key, const char *value,
		   struct vmfee_error *err);

/*
 * Adds what came of the stack with that number.  Returns 0, or -1 with VMFEE_DISK or VMFEE_SYSTEM.
 */
int store_stack(struct store *store, unsigned number, const struct experiment_stack *stack,
		const struct console *console, const struct exits *exits, struct vmfee_error *err);

/* Commits and closes the file.  Returns 0, or -1 with VMFEE_DISK or VMFEE_SYSTEM. */
int store_commit(struct store *store, struct vmfee_error *err);

/* Closes the file without committing, if it is open. */
void store_abandon(struct store *store);

#endif
