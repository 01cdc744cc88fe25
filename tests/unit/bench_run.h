#ifndef TESTS_UNIT_BENCH_RUN_H
#define TESTS_UNIT_BENCH_RUN_H

/*
 * A run of three stacks with numbers that can be checked by hand, written to a results.db and read
 * back:
 *
 *                 native   l1vmm  quiet
 *     empty           10      12     12   ticks of the smallest sample
 *     cpuid, 2 ops    14     220    160   median of a sample
 *     vmcall           -     112     82
 *     io              11     115     85
 *     walk, 4 ops     26      28     28
 */

#include <limits.h>

#include "bench/results.h"

/* Writes the run to folder/results.db and loads it. */
void bench_run(const char *folder, struct results *results);

#endif
