#include "bench/command.h"
#include "bench/command_arguments.h"
#include "bench/derive.h"
#include "bench/merge.h"
#include "bench/rundir.h"
#include "bench/stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_RESULTS = 0x100, OPTION_NO_PLOTS };

static const struct argp_option options[] = {
	{"results", OPTION_RESULTS, "DIR", 0, "Put the run into DIR instead of results/", 0},
	{"no-plots", OPTION_NO_PLOTS, NULL, 0, "Draw no figures", 0},
	{0},
};

static const char doc[] =
	"Makes one run of several: results/NAME with the stacks of all RUNs, in this order.  They "
	"must be of the same vmfee, platform, processor and memory.  A stack that several of them "
	"have must have the same results in each, and is taken once.\v"
	"EXAMPLES\n"
	"  vmfee merge all part1 part2 /mnt/other/results/part3\n";

struct arguments {
	const char *results; /* NULL: as the project has it */
	const char *name;
	const char *run[MERGE_MAX_SOURCES];
	unsigned runs;
	bool plots;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case OPTION_RESULTS:
		arguments->results = arg;
		return 0;
	case OPTION_NO_PLOTS:
		arguments->plots = false;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->name == NULL)
			arguments->name = arg;
		else if (arguments->runs == MERGE_MAX_SOURCES)
			argp_error(state, "at most %d runs", MERGE_MAX_SOURCES);
		else
			arguments->run[arguments->runs++] = arg;
		return 0;
	case ARGP_KEY_END:
		if (arguments->runs < 2)
			argp_error(state, "a name and at least two runs");
		if (!stack_valid_name(arguments->name) || strchr(arguments->name, '.') != NULL)
			argp_error(state, "'%s' cannot name a run", arguments->name);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int add_runs(struct merge *merge, const struct arguments *arguments,
		    const struct project *project, struct vmfee_error *err)
{
	char path[PATH_MAX];
	char database[PATH_MAX];

	for (unsigned i = 0; i < arguments->runs; i++)
		if (project_run(project, arguments->run[i], path, database, err) != 0 ||
		    merge_add(merge, path, database, err) != 0)
			return -1;
	return 0;
}

static int write_figures(const struct results *results, const struct project *project,
			 const char *run, struct vmfee_error *err)
{
	struct interrupts interrupts;
	struct vmfee_error undrawn = {0};
	int failed = interrupts_begin(&interrupts, err) ||
		     derive_figures(results, project, run, &interrupts, &undrawn, err);

	interrupts_end(&interrupts);
	if (undrawn.status != VMFEE_OK)
		fprintf(stderr, "vmfee: %s\n", undrawn.text);
	return failed;
}

static int write_run(struct merge *merge, const struct arguments *arguments,
		     const struct project *project, const char *run, struct vmfee_error *err)
{
	char database[PATH_MAX];
	char manifest[PATH_MAX];
	struct results results;

	if (project_path(database, run, "results", ".db", err) != 0 ||
	    project_path(manifest, run, "manifest", ".json", err) != 0 ||
	    merge_databases(merge, database, err) != 0 ||
	    merge_manifests(merge, manifest, err) != 0 || merge_folders(merge, run, err) != 0)
		return -1;
	int failed = results_load(&results, database, err) || derive_report(&results, run, err) ||
		     (arguments->plots && write_figures(&results, project, run, err));
	results_free(&results);
	return failed;
}

static int merge_runs(struct merge *merge, const struct arguments *arguments,
		      const struct project *project, struct vmfee_error *err)
{
	struct rundir dir;

	if (add_runs(merge, arguments, project, err) != 0 ||
	    rundir_begin(&dir, project->results, merge->name, false, err) != 0)
		return -1;
	if (write_run(merge, arguments, project, dir.partial, err) != 0) {
		rundir_discard(&dir);
		return -1;
	}
	printf("The run is in %s.\n", dir.final);
	return rundir_publish(&dir, err);
}

int command_merge(int argc, char **argv, struct vmfee_error *err)
{
	static const struct argp argp = {
		.options = options, .parser = parse, .args_doc = "NAME RUN RUN...", .doc = doc};
	struct arguments arguments = {.plots = true};
	struct project project;

	if (command_parse(&argp, argc, argv, &arguments, err) != 0)
		return -1;
	if (project_find(&project, err) != 0)
		return -1;
	if (arguments.results != NULL &&
	    snprintf(project.results, PATH_MAX, "%s", arguments.results) >= PATH_MAX)
		return vmfee_fail(err, VMFEE_USAGE, "a path is longer than %d bytes", PATH_MAX - 1);
	struct merge *merge = calloc(1, sizeof(*merge));
	if (merge == NULL)
		return vmfee_fail_errno(err, "merge");
	merge->name = arguments.name;
	int failed = merge_runs(merge, &arguments, &project, err);
	merge_free(merge);
	free(merge);
	return failed ? -1 : 0;
}
