/*
 * What becomes of an experiment once its platform is known.
 */
#include "bench/experiment.h"
#include "bench/experiment_key.h"
#include "bench/kvm_level.h"
#include "bench/linux_level.h"
#include "bench/platform.h"

#include <stdio.h>
#include <string.h>

int experiment_override(struct experiment *experiment, const char *key, const char *value,
			struct vmfee_error *err)
{
	int index = experiment_key_find(key, err);

	return index < 0 ? -1 : experiment_key_set(experiment, index, value, err);
}

static int put_kvm_beneath(struct experiment_stack *stack, struct vmfee_error *err)
{
	char notation[EXPERIMENT_MAX_NOTATION + 1];

	if (stack->stack.levels < 2 || kvm_level_is(&stack->stack))
		return 0;
	if (snprintf(notation, sizeof(notation), KVM_LEVEL " / %s", stack->notation) >=
	    (int)sizeof(notation))
		return vmfee_fail(err, VMFEE_USAGE,
				  "[stack %s]: levels has more than %d characters with KVM beneath",
				  stack->name, EXPERIMENT_MAX_NOTATION);
	memcpy(stack->notation, notation, sizeof(notation));
	return stack_parse(&stack->stack, notation, err);
}

static void say_left_out(struct experiment *experiment, const struct experiment_stack *stack,
			 unsigned others)
{
	char *text = experiment->left_out;
	size_t size = sizeof(experiment->left_out);

	if (others == 0)
		snprintf(text, size, "%s, which is", stack->name);
	else
		snprintf(text, size, "%s and %u more, which are", stack->name, others);
	snprintf(text + strlen(text), size - strlen(text), " for the platform %s", stack->platform);
}

/* Keeps the stacks that are for this platform, and says how many are not. */
static int leave_out(struct experiment *experiment, struct vmfee_error *err)
{
	unsigned all = experiment->stacks, kept = 0;
	struct experiment_stack first = {.name = ""};

	for (unsigned i = 0; i < all; i++) {
		struct experiment_stack *stack = &experiment->stack[i];
		if (stack->platform[0] == '\0' ||
		    strcmp(stack->platform, experiment->platform) == 0)
			experiment->stack[kept++] = *stack;
		else if (first.name[0] == '\0')
			first = *stack;
	}
	experiment->stacks = kept;
	if (kept == 0)
		return vmfee_fail(err, VMFEE_USAGE, "no stack of %s is for the platform %s",
				  experiment->name, experiment->platform);
	if (kept < all)
		say_left_out(experiment, &first, all - kept - 1);
	return 0;
}

/* The lowest level that the launcher starts, or stack->levels where it starts none. */
static unsigned first_launched(const struct platform *platform, const struct stack *stack)
{
	unsigned kvm = kvm_level_find(stack);

	if (kvm < stack->levels)
		return kvm + 1;
	return platform->machine == PLATFORM_HOST ? 0 : stack->levels;
}

/* The launcher starts images, and no kernels. */
static int check_kernel(const struct platform *platform, const struct experiment_stack *stack,
			struct vmfee_error *err)
{
	const struct stack *levels = &stack->stack;

	for (unsigned i = first_launched(platform, levels); i < levels->levels; i++)
		if (linux_level_at(levels, i) || strcmp(levels->level[i].image, KVM_LEVEL) == 0)
			return vmfee_fail(err, VMFEE_USAGE,
					  "[stack %s]: '%s' is not possible upon KVM here: run it "
					  "with --platform=bochs",
					  stack->name, levels->level[i].image);
	return 0;
}

/* The launcher makes machines of one processor. */
static int check_launched(const struct platform *platform, const struct experiment_stack *stack,
			  struct vmfee_error *err)
{
	unsigned first = first_launched(platform, &stack->stack);
	unsigned cpus =
		first < stack->stack.levels ? stack_level_cpus(&stack->stack.level[first]) : 1;

	if (cpus == 1)
		return 0;
	return vmfee_fail(err, VMFEE_USAGE,
			  "[stack %s]: cpus=%u is not possible upon KVM, whose guests have one "
			  "processor here: run it with --platform=bochs",
			  stack->name, cpus);
}

int experiment_settle(struct experiment *experiment, struct vmfee_error *err)
{
	const struct platform *platform = platform_find(experiment->platform);

	if (leave_out(experiment, err) != 0)
		return -1;
	for (unsigned i = 0; i < experiment->stacks; i++)
		if ((platform->kvm && put_kvm_beneath(&experiment->stack[i], err) != 0) ||
		    check_kernel(platform, &experiment->stack[i], err) != 0 ||
		    check_launched(platform, &experiment->stack[i], err) != 0)
			return -1;
	return 0;
}

const struct platform *experiment_platform(const struct experiment *experiment)
{
	unsigned most = 1;

	for (unsigned i = 0; i < experiment->stacks; i++) {
		unsigned cpus = stack_cpus(&experiment->stack[i].stack);

		most = cpus > most ? cpus : most;
	}
	return platform_with(experiment->platform, most);
}
