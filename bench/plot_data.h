/*
 * The files that gnuplot reads.
 */
#ifndef BENCH_PLOT_DATA_H
#define BENCH_PLOT_DATA_H

#include "bench/analysis.h"
#include "bench/family.h"

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

/*
 * Writes the distribution of how long the exits of each level, reason and component took, a block
 * each.  Returns how many blocks.
 */
unsigned plot_data_latency(const struct analysis *analysis, FILE *out);

/*
 * Writes stack,COMPONENT... with a heading: the fee of one operation of each benchmark that has one
 * on every stack of the tables.  Returns how many stacks, or 0 where there are not several.
 */
unsigned plot_data_stacks(const struct results *results, FILE *out);

/*
 * Writes what a family costs on each stack that was observed with the model of `first`: a block a
 * stack, with lines of the member's number and label, TLB refills, references of walks, modelled
 * ticks, each per operation, and those ticks by the cheapest stack's.  Returns how many stacks.
 */
unsigned plot_data_tlb(const struct results *results, const struct result_stack *first,
		       const struct family *family, FILE *out);

/*
 * Writes the distribution of the samples of that benchmark, the stamps included, a block a stack.
 * Returns how many stacks.
 */
unsigned plot_data_arrival(const struct results *results, const char *benchmark, FILE *out);

/*
 * Writes what is left of the throughput along a family whose first member is a rate of 0: a block a
 * stack, with lines of the member's number and the share.  Returns how many stacks.
 */
unsigned plot_data_storm(const struct results *results, const struct family *family, FILE *out);

#endif
