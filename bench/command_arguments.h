/*
 * What the commands have in common: how they read arguments, and find the run that they are about.
 */
#ifndef BENCH_COMMAND_ARGUMENTS_H
#define BENCH_COMMAND_ARGUMENTS_H

#include "bench/err.h"
#include "bench/project.h"

#include <argp.h>

/*
 * Reads the arguments of a command into what its parser takes them for.  Returns 0, or -1 with
 * VMFEE_USAGE; what argp says itself ends the program with that.
 */
int command_parse(const struct argp *argp, int argc, char **argv, void *arguments,
		  struct vmfee_error *err);

/* For the end of a parser, where a command takes one run and nothing else beside its options. */
error_t command_take_run(const char **run, int key, char *arg, const struct argp_state *state);

/*
 * Finds the project and in it a run: its directory and its database, of PATH_MAX bytes each.
 * Returns 0 or -1, as project_find() and project_run() do.
 */
int command_find_run(struct project *project, const char *name, char *run, char *database,
		     struct vmfee_error *err);

#endif
