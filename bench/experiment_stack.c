#include "bench/experiment_stack.h"
#include "bench/choice.h"
#include "bench/generation.h"
#include "bench/kvm_level.h"
#include "bench/linux_level.h"
#include "bench/project.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* KVM is no image, but what launches the others. */
static int check_kvm(const struct stack *stack, struct vmfee_error *err)
{
	unsigned kvm = kvm_level_find(stack);
	struct kvm_level level;

	if (kvm + 1 == stack->levels)
		return vmfee_fail(err, VMFEE_USAGE, KVM_LEVEL ": nothing to launch");
	if (kvm_level_parse(&level, stack->level[kvm].cmdline, err) != 0)
		return -1;
	if (kvm > 0 && level.observe)
		return vmfee_fail(err, VMFEE_USAGE,
				  KVM_LEVEL
				  ": observe=on is possible where it is the lowest level");
	return 0;
}

static int check_images(const struct stack *stack, const char *images, struct vmfee_error *err)
{
	for (unsigned i = 0; i < stack->levels; i++) {
		char path[PATH_MAX];
		const char *image = stack->level[i].image;
		if (i == kvm_level_find(stack)) {
			if (check_kvm(stack, err) != 0)
				return -1;
			continue;
		}
		if (linux_level_at(stack, i))
			continue;
		if (project_path(path, images, image, ".elf", err) != 0)
			return -1;
		if (access(path, R_OK) == 0)
			continue;
		char list[256];
		project_list(images, ".elf", list, sizeof(list));
		return vmfee_fail(err, VMFEE_USAGE, "no image '%s' in build/images; there are: %s",
				  image, list);
	}
	return 0;
}

/* Every hypervisor may be of a generation, and have a model; results are about the lowest's. */
static int expand_levels(struct experiment_stack *stack, const char *models,
			 struct vmfee_error *err)
{
	struct tlb_file ignored;

	for (unsigned i = 0; i + 1 < stack->stack.levels; i++)
		if (generation_expand(stack->stack.level[i].cmdline, err) != 0 ||
		    tlb_file_expand(i == 0 ? &stack->tlb : &ignored, models,
				    stack->stack.level[i].cmdline, err) != 0)
			return -1;
	return 0;
}

/* Makes of the stack of a section the cell of that number. */
static int make_cell(struct experiment_stack *cell, const struct experiment_stack *section,
		     unsigned number, const struct experiment_folders *folders,
		     struct vmfee_error *err)
{
	char suffix[STACK_MAX_NAME + 1];
	char name[2 * STACK_MAX_NAME + 2];

	*cell = *section;
	if (choice_cell(section->notation, number, cell->notation, sizeof(cell->notation), suffix,
			sizeof(suffix), err) != 0)
		return -1;
	snprintf(name, sizeof(name), "%s%s", section->name, suffix);
	if (!stack_valid_name(name))
		return vmfee_fail(err, VMFEE_USAGE,
				  "'%s' is no name for a stack: it has more than %d characters",
				  name, STACK_MAX_NAME);
	memcpy(cell->name, name, sizeof(cell->name));
	cell->named = strlen(section->name);
	if (stack_parse(&cell->stack, cell->notation, err) != 0 ||
	    expand_levels(cell, folders->models, err) != 0)
		return -1;
	return check_images(&cell->stack, folders->images, err);
}

int experiment_stack_levels(struct experiment_stack *section,
			    const struct experiment_folders *folders, struct vmfee_error *err)
{
	struct experiment_stack cell;
	int cells = choice_cells(section->notation, err);

	for (int i = 0; i < cells; i++)
		if (make_cell(&cell, section, (unsigned)i, folders, err) != 0)
			return -1;
	return cells < 0 ? -1 : 0;
}

/* Adds the cells of a section to an experiment. */
static int add_cells(struct experiment *experiment, const struct experiment_stack *section,
		     const struct experiment_folders *folders, struct vmfee_error *err)
{
	int cells = choice_cells(section->notation, err);

	for (int i = 0; i < cells; i++) {
		struct experiment_stack *cell = &experiment->stack[experiment->stacks];
		if (experiment->stacks == EXPERIMENT_MAX_STACKS)
			return vmfee_fail(err, VMFEE_USAGE, "an experiment has at most %d stacks",
					  EXPERIMENT_MAX_STACKS);
		if (make_cell(cell, section, (unsigned)i, folders, err) != 0)
			return -1;
		if (experiment_stack(experiment, cell->name) != NULL)
			return vmfee_fail(err, VMFEE_USAGE, "there are two stacks '%s'",
					  cell->name);
		experiment->stacks++;
	}
	return cells < 0 ? -1 : 0;
}

int experiment_stack_expand(struct experiment *experiment, const struct experiment_folders *folders,
			    int *line, struct vmfee_error *err)
{
	struct experiment *sections = malloc(sizeof(*sections));
	int failed = 0;

	if (sections == NULL)
		return vmfee_fail_errno(err, "%s", experiment->name);
	*sections = *experiment;
	experiment->stacks = 0;
	for (unsigned i = 0; !failed && i < sections->stacks; i++) {
		*line = sections->stack[i].line;
		failed = add_cells(experiment, &sections->stack[i], folders, err);
	}
	free(sections);
	return failed;
}

const struct experiment_stack *experiment_stack_probed(const struct experiment *experiment,
						       struct experiment_stack *stack)
{
	char name[2 * STACK_MAX_NAME + 2];
	const struct experiment_stack *of;

	snprintf(name, sizeof(name), "%s%s", stack->probe_of, stack->name + stack->named);
	of = experiment_stack(experiment, name);
	if (of == NULL)
		return experiment_stack(experiment, stack->probe_of);
	memcpy(stack->probe_of, of->name, sizeof(stack->probe_of));
	return of;
}
