#include "bench/kvm_host.h"
#include "bench/kvm_level.h"
#include "bench/launcher/host.h"
#include "bench/launcher/machine.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A machine is made and thrown away: what KVM says of itself may not be all. */
static int probe(bool needs_vmx, struct vmfee_error *err)
{
	struct machine machine;
	int failed = machine_open(&machine, MACHINE_MIN_MEMORY, needs_vmx, err);

	machine_close(&machine);
	return failed;
}

/* A parameter that a stack asks for, and what the module has in its place. */
struct wish {
	char name[32], value[32];
	const char *module; /* NULL: no module here has it */
	char has[32];
};

static void look(void *ctx, const char *module, const char *name, const char *value)
{
	struct wish *wish = ctx;

	if (strcmp(name, wish->name) != 0)
		return;
	wish->module = module;
	snprintf(wish->has, sizeof(wish->has), "%s", value);
}

/* Modules show Y and N for what they take as 1 and 0. */
static bool same(const char *value, const char *other)
{
	static const char *const truths[] = {"0Nn", "1Yy"};

	if (strcmp(value, other) == 0)
		return true;
	for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++)
		if (strlen(value) == 1 && strlen(other) == 1 &&
		    strchr(truths[i], value[0]) != NULL && strchr(truths[i], other[0]) != NULL)
			return true;
	return false;
}

static int compare(struct wish *wish, struct vmfee_error *err)
{
	host_each_parameter(look, wish);
	if (wish->module == NULL)
		return vmfee_fail(err, VMFEE_PLATFORM,
				  "this KVM has no parameter %s: run with --platform=bochs-kvm",
				  wish->name);
	if (same(wish->value, wish->has))
		return 0;
	return vmfee_fail(err, VMFEE_PLATFORM,
			  "%s has %s=%s, not %s: modprobe -r kvm_intel kvm, then modprobe %s %s=%s",
			  wish->module, wish->name, wish->has, wish->value, wish->module,
			  wish->name, wish->value);
}

/* The modules stay as they are: others may be using them. */
static int check_parameters(const struct experiment_stack *stack, struct vmfee_error *err)
{
	const char *token = stack->stack.level[0].cmdline;

	if (!kvm_level_is(&stack->stack))
		return 0;
	for (token += strspn(token, " \t"); *token != '\0'; token += strspn(token, " \t")) {
		struct wish wish = {.module = NULL};
		int fields = sscanf(token, "%31[^=]=%31s", wish.name, wish.value);
		token += strcspn(token, " \t");
		if (fields == 2 && strcmp(wish.name, "observe") != 0 && compare(&wish, err) != 0)
			return vmfee_prefix(err, "stack %s", stack->name);
	}
	return 0;
}

static bool needs_vmx(const struct experiment_stack *stack)
{
	return kvm_level_is(&stack->stack) && stack->stack.levels > 2;
}

/* Keeps the stacks that need no VMX, and their probes. */
static void leave_out(struct experiment *experiment, const char *why)
{
	char *text = experiment->left_out;
	size_t size = sizeof(experiment->left_out);
	const char *separator = text[0] == '\0' ? "" : "; ";
	unsigned all = experiment->stacks, kept = 0;

	for (unsigned i = 0; i < experiment->stacks; i++) {
		const struct experiment_stack *stack = &experiment->stack[i];
		size_t used = strlen(text);
		if (needs_vmx(stack))
			snprintf(text + used, size - used, "%s%s", i == kept ? separator : ", ",
				 stack->name);
		else
			experiment->stack[kept++] = *stack;
	}
	experiment->stacks = kept;
	if (kept < all)
		snprintf(text + strlen(text), size - strlen(text), ": %s", why);
}

static void name_processor(struct experiment *experiment)
{
	char line[256];
	FILE *file = fopen("/proc/cpuinfo", "re");

	snprintf(experiment->cpu, sizeof(experiment->cpu), "a processor that does not say which");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		const char *name = strstr(line, ": ");
		if (strncmp(line, "model name", strlen("model name")) != 0 || name == NULL)
			continue;
		snprintf(experiment->cpu, sizeof(experiment->cpu), "%.*s",
			 (int)strcspn(name + 2, "\n"), name + 2);
		break;
	}
	if (file != NULL)
		fclose(file);
}

int kvm_host_settle(struct experiment *experiment, struct vmfee_error *err)
{
	struct vmfee_error no_vmx = {0};

	if (experiment->memory > MACHINE_MAX_MEMORY)
		return vmfee_fail(err, VMFEE_USAGE,
				  "memory = %u is not possible on the platform kvm; at most %d",
				  experiment->memory, MACHINE_MAX_MEMORY);
	if (probe(false, err) != 0)
		return -1;
	name_processor(experiment);
	if (probe(true, &no_vmx) != 0)
		leave_out(experiment, no_vmx.text);
	if (experiment->stacks == 0)
		return vmfee_fail(err, no_vmx.status, "%s", no_vmx.text);
	for (unsigned i = 0; i < experiment->stacks; i++)
		if (check_parameters(&experiment->stack[i], err) != 0)
			return -1;
	return 0;
}
