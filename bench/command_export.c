#include "bench/command.h"
#include "bench/command_arguments.h"
#include "bench/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_STACK = 0x100, OPTION_REASON };

static const struct argp_option options[] = {
	{"stack", OPTION_STACK, "NAME", 0, "Only that stack of the run", 0},
	{"reason", OPTION_REASON, "NAME", 0, "Only exits of that reason, such as CPUID", 0},
	{0},
};

static const char doc[] =
	"Writes RUN, which is the name of a run in results/ or the path of a run directory, to "
	"stdout as FORMAT.\v"
	"FORMATS\n"
#define EXPORT(name, text) "  " #name "\t" text "\n"
#include "bench/export.def"
#undef EXPORT
	"\n"
	"The trace itself is CTF 1.8, which babeltrace2 and Trace Compass read: RUN/STACK/trace.\n"
	"\n"
	"EXAMPLES\n"
	"  vmfee export chrome --stack=l1vmm fee >fee.json\n"
	"  vmfee export folded fee | flamegraph.pl >fee.svg\n";

struct arguments {
	const char *format, *run, *stack, *reason;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case OPTION_STACK:
		arguments->stack = arg;
		return 0;
	case OPTION_REASON:
		arguments->reason = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->run != NULL)
			argp_error(state, "one run at a time");
		if (arguments->format == NULL)
			arguments->format = arg;
		else
			arguments->run = arg;
		return 0;
	case ARGP_KEY_END:
		if (arguments->run == NULL)
			argp_error(state,
				   arguments->format == NULL ? "which format?" : "which run?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int find_exporter(const char *name, const struct exporter **exporter,
			 struct vmfee_error *err)
{
	char list[256] = "";
	size_t used = 0;

	*exporter = exporter_find(name);
	if (*exporter != NULL)
		return 0;
	for (size_t i = 0; exporter_at(i) != NULL && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
					 i == 0 ? "" : ", ", exporter_at(i)->name);
	return vmfee_fail(err, VMFEE_USAGE, "there is no format '%s'; there are: %s", name, list);
}

/* What is left out by mistake would look like a run without it. */
static int check_selection(const struct arguments *arguments, const struct results *results,
			   struct vmfee_error *err)
{
	size_t i = 0;

	while (arguments->stack != NULL && i < results->stacks &&
	       strcmp(results->stack[i].name, arguments->stack) != 0)
		i++;
	if (i == results->stacks)
		return vmfee_fail(err, VMFEE_USAGE, "%s has no stack '%s'", arguments->run,
				  arguments->stack);
	if (arguments->reason != NULL && exit_reason_by_name(arguments->reason) < 0)
		return vmfee_fail(err, VMFEE_USAGE, "there is no exit reason '%s'",
				  arguments->reason);
	return 0;
}

int command_export(int argc, char **argv, struct vmfee_error *err)
{
	static const struct argp argp = {
		.options = options, .parser = parse, .args_doc = "FORMAT RUN", .doc = doc};
	struct arguments arguments = {0};
	const struct exporter *exporter;
	struct project project;
	struct results results;
	char run[PATH_MAX];
	char database[PATH_MAX];

	if (command_parse(&argp, argc, argv, &arguments, err) != 0)
		return -1;
	if (find_exporter(arguments.format, &exporter, err) != 0 ||
	    command_find_run(&project, arguments.run, run, database, err) != 0)
		return -1;

	int failed = results_load(&results, database, err);
	if (!failed)
		failed = check_selection(&arguments, &results, err);
	struct export export = {.results = &results,
				.run = run,
				.database = database,
				.stack = arguments.stack,
				.reason = arguments.reason,
				.out = stdout,
				.err = err};
	if (!failed)
		failed = exporter->write(&export);
	results_free(&results);
	return failed;
}
