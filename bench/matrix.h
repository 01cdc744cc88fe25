/*
 * What an experiment says of generations and depths: for each workload the stacks whose lowest
 * hypervisor has `generation=`, with the fee of one operation of each benchmark that all of them
 * have.
 */
#ifndef BENCH_MATRIX_H
#define BENCH_MATRIX_H

#include "bench/analysis.h"

enum { MATRIX_MAX_CELLS = 32, MATRIX_MAX_GROUPS = 8, MATRIX_MAX_BENCHES = 16, MATRIX_REASONS = 2 };

struct matrix_cell {
	const struct result_stack *stack;
	char generation[STACK_MAX_NAME + 1]; /* "gen1", or "gen1 mmu=shadow:unsync" */
	unsigned depth;			     /* hypervisors of this project */
	double ticks[MATRIX_MAX_BENCHES];    /* per operation, in the order of the group */
	double fee;			     /* the sum of theirs */
	double part[FEE_COMPONENTS];	     /* of the fee; without `upper` */
	double upper; /* what the hypervisors above the lowest ran themselves */
	/* The exits that the lowest one handled longest, in those benchmarks. */
	struct {
		uint16_t reason;
		double share; /* of all that it handled; 0: there is none */
	} most[MATRIX_REASONS];
};

struct matrix_group {
	char name[STACK_MAX_NAME + 1]; /* what the names of its stacks begin with */
	const char *about;	       /* the workload in plain words, or "" */
	const struct result_stack *native;
	double native_ticks; /* one operation of each */
	const char *bench[MATRIX_MAX_BENCHES];
	unsigned benches;
	struct matrix_cell
		cell[MATRIX_MAX_CELLS]; /* by depth, then in the order of the experiment */
	unsigned cells;
	unsigned deepest;
};

struct matrix {
	struct matrix_group group[MATRIX_MAX_GROUPS];
	unsigned groups; /* 0: the experiment is about something else */
};

/* What stands for the upper hypervisors' own work where components have columns. */
#define MATRIX_UPPER "upper"

/*
 * Gathers them.  A workload of one cell alone is none.  Returns NULL with VMFEE_SYSTEM where memory
 * is short; free() is due.
 */
struct matrix *matrix_make(const struct results *results, struct vmfee_error *err);

/* The group and the cell of a stack, or NULL. */
const struct matrix_cell *matrix_cell(const struct matrix *matrix, const struct result_stack *stack,
				      const struct matrix_group **group);

/*
 * Whether a stack deserves a look at its exits one by one: those that are no cells do, and of the
 * cells of a workload, at each depth, the one with the highest fee.
 */
bool matrix_shows(const struct matrix *matrix, const struct result_stack *stack);

/* The cell of that generation and depth, or NULL. */
const struct matrix_cell *matrix_find(const struct matrix_group *group, const char *generation,
				      unsigned depth);

/* The last cell of a depth, in the order of the experiment; or NULL. */
const struct matrix_cell *matrix_newest(const struct matrix_group *group, unsigned depth);

#endif
