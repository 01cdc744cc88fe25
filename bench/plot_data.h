/*
 * The files that gnuplot reads.
 */
#ifndef BENCH_PLOT_DATA_H
#define BENCH_PLOT_DATA_H

#include "bench/analysis.h"

#include <stdio.h>

/*
 * Writes benchmark,NATIVE,STACK with a heading, without NATIVE where the stack has none.  Returns
 * how many rows a logarithmic axis can show.
 */
unsigned plot_data_ticks(const struct analysis *analysis, FILE *out);

/* Writes benchmark,COMPONENT... with a heading, for what has a fee.  Returns how many rows. */
unsigned plot_data_components(const struct analysis *analysis, FILE *out);

/*
 * Writes the distribution of the samples of each benchmark whose samples differ.  Returns how many
 * benchmarks.
 */
unsigned plot_data_spread(const struct analysis *analysis, FILE *out);

#endif
