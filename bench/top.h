/*
 * A run as it can be seen from outside while it goes on: the exits of its traces, as far as they
 * are written.
 */
#ifndef BENCH_TOP_H
#define BENCH_TOP_H

#include "bench/console.h"
#include "bench/stack.h"
#include "telemetry/fee.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

enum { TOP_MAX_CPUS = 32, TOP_PATH = 128 };

enum top_state {
	TOP_RUNS,
	TOP_ENDED,  /* well */
	TOP_FAILED, /* or nobody is at it any more */
};

/* Exits of one kind, and how long they took. */
struct top_sum {
	uint64_t exits, ticks;
	uint64_t before; /* exits, at the look before */
};

struct top_cell {
	char name[STACK_MAX_NAME + 1];
	enum top_state state;
	bool whole;	  /* its streams have been read to their ends */
	uint64_t records; /* read so far */
	uint64_t packets; /* read of its outbox */
	uint64_t offset;  /* of the next one */
	uint64_t lost[STACK_MAX_LEVELS][TOP_MAX_CPUS];
	struct top_sum sum[STACK_MAX_LEVELS][CONSOLE_REASONS][FEE_COMPONENTS];
	char trouble[256]; /* what keeps more from being read; empty: nothing */
};

struct top {
	char path[32]; /* of the run, whatever becomes of its name */
	int folder;
	bool live; /* a vmfee is at it */
	struct top_cell **cell;
	size_t cells;
	double seconds; /* since the look before; 0: there was none */
	struct timespec looked;
};

/* Opens the directory of a run.  Returns 0, or -1 with VMFEE_USAGE; top_close() is due either way.
 */
int top_open(struct top *top, const char *run, struct vmfee_error *err);

/*
 * Takes what has come since.  Once `live` is false, that is all that ever comes.  Returns 0, or -1
 * with VMFEE_SYSTEM.
 */
int top_look(struct top *top, struct vmfee_error *err);

/*
 * Writes what there is: a line for each level of each stack, and one for each kind of exit, of
 * which at most `rows`, those that come fastest first; 0: all of them, those that took most first.
 * Returns 0, or -1 when memory was short.
 */
int top_print(const struct top *top, unsigned rows, FILE *out, unsigned width);

/* What was lost at a level. */
uint64_t top_lost(const struct top_cell *cell, unsigned level);

void top_close(struct top *top);

#endif
