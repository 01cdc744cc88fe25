#include "bench/calibration.h"
#include "bench/command.h"
#include "bench/command_arguments.h"

#include <stdio.h>
#include <string.h>

enum { OPTION_COUNTS = 0x100, OPTION_LEAVE_OUT, OPTION_TITLE, OPTION_FORCE };

static const struct argp_option options[] = {
	{"counts", OPTION_COUNTS, "RUN", 0, "The run on Bochs that counted what RUN did", 0},
	{"leave-out", OPTION_LEAVE_OUT, "NAME,...", 0, "Do not use these benchmarks", 0},
	{"title", OPTION_TITLE, "TEXT", 0, "Call the model so; the default is the processor", 0},
	{"force", OPTION_FORCE, NULL, 0, "Fit also where ticks are no cycles", 0},
	{0},
};

static const char doc[] =
	"Fits a cost model to RUN, whose ticks are cycles: the prices of a transition, a VMREAD and "
	"whatever else a run of the same stacks on Bochs has counted, and writes it to stdout as a "
	"file of bench/models/.\v"
	"EXAMPLES\n"
	"  vmfee calibrate --counts=fee fee-kvm >bench/models/mine.ini\n"
	"  vmfee report --model mine fee\n";

struct arguments {
	const char *run, *counts;
	struct calibration calibration;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case OPTION_COUNTS:
		arguments->counts = arg;
		return 0;
	case OPTION_LEAVE_OUT:
		arguments->calibration.left_out = arg;
		return 0;
	case OPTION_TITLE:
		if (arg[0] == '\0' || strpbrk(arg, "\n\r;") != NULL)
			argp_error(state, "--title takes a line of text without ';'");
		arguments->calibration.title = arg;
		return 0;
	case OPTION_FORCE:
		arguments->calibration.force = true;
		return 0;
	case ARGP_KEY_END:
		if (arguments->counts == NULL)
			argp_error(state, "no processor counts its instructions and VMREADs here: "
					  "--counts names a run of the same stacks on Bochs");
		return 0;
	default:
		return command_take_run(&arguments->run, key, arg, state);
	}
}

static int load(struct results *results, const struct project *project, const char *name,
		struct vmfee_error *err)
{
	char path[PATH_MAX];
	char database[PATH_MAX];

	return project_run(project, name, path, database, err) != 0
		       ? -1
		       : results_load(results, database, err);
}

/* The last part of a path. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL || slash[1] == '\0' ? path : slash + 1;
}

int command_calibrate(int argc, char **argv, struct vmfee_error *err)
{
	static const struct argp argp = {
		.options = options, .parser = parse, .args_doc = "RUN", .doc = doc};
	struct arguments arguments = {.calibration = {.left_out = ""}};
	struct results measured = {.stacks = 0};
	struct results counted = {.stacks = 0};
	struct project project;

	if (command_parse(&argp, argc, argv, &arguments, err) != 0)
		return -1;
	arguments.calibration.run = base_name(arguments.run);
	arguments.calibration.counts = base_name(arguments.counts);
	int failed = project_find(&project, err) || load(&measured, &project, arguments.run, err) ||
		     load(&counted, &project, arguments.counts, err) ||
		     calibrate(&arguments.calibration, &measured, &counted, stdout, err);
	results_free(&measured);
	results_free(&counted);
	return failed ? -1 : 0;
}
