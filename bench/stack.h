/*
 * The notation of a stack: its images bottom to top, each with its command line, separated by " /
 * ".
 *
 *     l1vmm telemetry=off / micro only=cpuid
 *
 * is the image l1vmm with the command line "telemetry=off", and upon it micro with "only=cpuid".
 */
#ifndef BENCH_STACK_H
#define BENCH_STACK_H

#include "bench/err.h"

#include <stdbool.h>

enum {
	STACK_MAX_LEVELS = 8,
	STACK_MAX_NAME = 31,
	STACK_MAX_CMDLINE = 255,
	STACK_MAX_CPUS = 8,
};

struct stack_level {
	char image[STACK_MAX_NAME + 1]; /* build/images/IMAGE.elf */
	char cmdline[STACK_MAX_CMDLINE + 1];
};

struct stack {
	unsigned levels; /* 1 is a workload without a hypervisor under it */
	struct stack_level level[STACK_MAX_LEVELS]; /* 0 is the lowest */
};

/*
 * Whether text can name an image, a stack, an experiment or a benchmark: 1 to STACK_MAX_NAME of
 * lower-case letters, digits, '-', '_' and '.', the first one a letter or a digit.  Such a name is
 * also a safe file name.
 */
bool stack_valid_name(const char *text);

/*
 * Reads the notation in text.  Returns 0, or -1 with VMFEE_USAGE and what is wrong with it.
 */
int stack_parse(struct stack *stack, const char *text, struct vmfee_error *err);

/*
 * How many processors the machine under the stack has: as many as its lowest image is told to use,
 * by `cpus=N`.  What is no such number is for that image to refuse.
 */
unsigned stack_cpus(const struct stack *stack);

/* The same of the machine under one of its levels. */
unsigned stack_level_cpus(const struct stack_level *level);

/* How many hypervisors lie under the workload. */
static inline unsigned stack_depth(const struct stack *stack)
{
	return stack->levels - 1;
}

#endif
