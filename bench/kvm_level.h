/*
 * KVM as the lowest level of a stack, or upon l1vmm: a guest hypervisor that nobody wrote for this
 * project.  The name stands for Debian's kernel with KVM, and in it the launcher: bench/launcher/.
 */
#ifndef BENCH_KVM_LEVEL_H
#define BENCH_KVM_LEVEL_H

#include "bench/stack.h"

#include <stdbool.h>

#define KVM_LEVEL "kvm"

/* Parameters of the two modules, "name=value name=value". */
struct kvm_level {
	char kvm[STACK_MAX_CMDLINE + 1];
	char kvm_intel[STACK_MAX_CMDLINE + 128];
	bool observe;	 /* observe=on: the launcher looks at KVM's tracepoints */
	unsigned memory; /* memory=N: MiB of the machine that KVM makes; 0: not said */
};

/* Whether KVM is the lowest level. */
bool kvm_level_is(const struct stack *stack);

/* The level that KVM is, or stack->levels where it is none. */
unsigned kvm_level_find(const struct stack *stack);

/* The same of a stack's notation. */
bool kvm_level_begins(const char *notation);

/* Reads the command line of the level.  Returns 0, or -1 with VMFEE_USAGE. */
int kvm_level_parse(struct kvm_level *level, const char *cmdline, struct vmfee_error *err);

/*
 * What is known to go wrong upon Bochs with a parameter that the stack sets, and what would help;
 * and the parameter.  NULL where nothing is.
 */
const char *kvm_level_trouble(const struct stack *stack, const char **name);

#endif
