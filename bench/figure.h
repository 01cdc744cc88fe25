/*
 * The figures of a run: which there are, what they are called, and what they show.
 */
#ifndef BENCH_FIGURE_H
#define BENCH_FIGURE_H

#include "bench/analysis.h"
#include "bench/family.h"
#include "bench/matrix.h"

#include <stdio.h>

struct figure {
	const struct results *results;
	const struct analysis *analysis; /* of the stack; NULL: the figure is about several */
	const struct result_stack *stack;
	const struct family *family; /* of benchmarks, for a figure along one */
	const char *benchmark;	     /* for a figure of a single one */
	const char *template;	     /* bench/plots/TEMPLATE.gp */
	const char *axis;	     /* what its first axis stands for, where it does not say */
	const char *unit_of;	     /* "per operation": what the unit is taken of */
	const struct matrix *matrix; /* for figures of generations and depths: all of them, */
	const struct matrix_group *group; /* or one workload */
	const char *caption;
	char name[2 * STACK_MAX_NAME + 2]; /* of its files */
	char heading[320];
	/* Writes the data for gnuplot.  Returns how many things it shows: without any, there is no
	 * figure. */
	unsigned (*write)(const struct figure *figure, FILE *out);
};

/*
 * Calls take() for each figure that the run may have, in the order to look at them.  Returns 0; or
 * -1 where memory was short, or take() failed.
 */
int figures_each(const struct results *results,
		 int (*take)(const struct figure *figure, void *into), void *into,
		 struct vmfee_error *err);

#endif
