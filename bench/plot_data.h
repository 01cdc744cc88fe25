/*
 * The files that gnuplot reads.
 */
#ifndef BENCH_PLOT_DATA_H
#define BENCH_PLOT_DATA_H

#include "bench/analysis.h"
#include "bench/family.h"
#include "bench/matrix.h"

#include <stdio.h>

/*
 * Writes benchmark,NATIVE,STACK with a heading, without NATIVE where the stack has none.  Returns
 * how many rows a logarithmic axis can show.
 */
unsigned plot_data_ticks(const struct analysis *analysis, FILE *out);

/* Writes benchmark,COMPONENT... with a heading, for what has a fee.  Returns how many rows. */
unsigned plot_data_components(const struct analysis *analysis, FILE *out);

/*
 * Writes benchmark,LEVEL...,rest with a heading, where several levels told of their exits.  Returns
 * how many rows.
 */
unsigned plot_data_levels(const struct analysis *analysis, FILE *out);

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
 * Both write a block with lines "begin name" for the benchmarks whose windows are wide enough to be
 * named; times are ticks since the first one began.
 *
 * heat then writes a block with lines "begin end least most count": how many of the exits that the
 * lowest hypervisor of this project took in a slice of time took how long.  time then writes a
 * block for each of their reasons, its name and lines "begin end from to": its part of the exits in
 * a slice, stacked upon one another.  Each returns how many exits there are.
 */
unsigned plot_data_heat(const struct analysis *analysis, FILE *out);
unsigned plot_data_time(const struct analysis *analysis, FILE *out);

/*
 * Writes generation,hypervisors,COMPONENT...,upper with a heading: the fee of each cell, a block
 * for each depth.  Returns how many blocks.
 */
unsigned plot_data_generations(const struct matrix_group *group, FILE *out);

/*
 * Writes what each generation pays back of the fee that the oldest one of a depth has, in percent:
 * a row for each workload and depth, with a heading.  Returns how many rows.
 */
unsigned plot_data_assists(const struct matrix *matrix, FILE *out);

/*
 * Writes what operations take by depth: for each benchmark a block, its name and lines "hypervisors
 * ticks", with the newest generation.  Returns how many blocks.
 */
unsigned plot_data_growth(const struct matrix *matrix, FILE *out);

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
