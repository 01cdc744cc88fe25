/*
 * What a machine can run, what would disturb a measurement on it, and what to do about either.
 */
#ifndef BENCH_DOCTOR_H
#define BENCH_DOCTOR_H

#include "bench/project.h"

#include <stdio.h>

/*
 * Writes the findings about the machine whose files lie below `root`.  Returns how many things
 * there are to do something about.
 */
unsigned doctor_settings(const char *root, FILE *out);

/* The same about what the project has to run stacks with. */
unsigned doctor_platforms(const struct project *project, FILE *out);

#endif
