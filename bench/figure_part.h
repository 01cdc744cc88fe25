/*
 * What the files that know the figures share.
 */
#ifndef BENCH_FIGURE_PART_H
#define BENCH_FIGURE_PART_H

#include "bench/figure.h"

/* What takes the figures. */
struct figures {
	const struct results *results;
	char machine[128]; /* the platform, its version and its CPU */
	int (*take)(const struct figure *figure, void *into);
	void *into;
};

/* Those of generations and depths, one after the other.  Returns as figures_each(). */
int figures_of_matrix(const struct figures *figures, const struct matrix *matrix);

#endif
