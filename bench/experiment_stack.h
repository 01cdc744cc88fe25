/*
 * What the sections of an experiment's file make of its stacks.
 */
#ifndef BENCH_EXPERIMENT_STACK_H
#define BENCH_EXPERIMENT_STACK_H

#include "bench/experiment.h"

/* Where that lies which levels name. */
struct experiment_folders {
	const char *images, *models;
};

/*
 * Checks the notation of a section, all of its choices.  Returns 0, or -1 with VMFEE_USAGE.
 */
int experiment_stack_levels(struct experiment_stack *section,
			    const struct experiment_folders *folders, struct vmfee_error *err);

/*
 * Gives each stack its levels, with what generations and TLB models stand for, and puts in the
 * place of one with choices (bench/choice.h) a stack for each combination.  Returns 0, or -1 with
 * VMFEE_USAGE, and *line is where the section to blame starts.
 */
int experiment_stack_expand(struct experiment *experiment, const struct experiment_folders *folders,
			    int *line, struct vmfee_error *err);

/*
 * The stack that another is a probe of, or NULL.  Where both sections have the same choices, that
 * is the one of the same alternatives, and probe_of becomes its name.
 */
const struct experiment_stack *experiment_stack_probed(const struct experiment *experiment,
						       struct experiment_stack *stack);

#endif
