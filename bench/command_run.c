#include "bench/command.h"
#include "bench/command_arguments.h"
#include "bench/kvm_host.h"
#include "bench/platform.h"
#include "bench/report.h"
#include "bench/report_matrix.h"
#include "bench/run.h"
#include "bench/screen.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPTION_RESULTS = 0x100,
	OPTION_BOCHS,
	OPTION_PLATFORM,
	OPTION_CPU,
	OPTION_MEMORY,
	OPTION_WATCHDOG,
	OPTION_NO_PLOTS,
	OPTION_RESUME,
	OPTION_EXECUTOR,
	OPTION_CELL,
};

static const struct argp_option options[] = {
	{"results", OPTION_RESULTS, "DIR", 0, "Put the run into DIR instead of results/", 0},
	{"jobs", 'j', "N", 0,
	 "Run N machines at a time; the default is the number of processors, or what slurm likes",
	 0},
	{"bochs", OPTION_BOCHS, "PATH", 0, "Run the Bochs at PATH", 0},
	{"platform", OPTION_PLATFORM, "NAME", 0,
	 "Run on another platform, as EXPERIMENT-NAME: bochs, bochs-kvm with KVM beneath, or kvm, "
	 "which is this machine's own",
	 0},
	{"cpu", OPTION_CPU, "MODEL", 0, "Give the machines another CPU model of Bochs", 0},
	{"memory", OPTION_MEMORY, "MIB", 0, "Give the machines another size of memory", 0},
	{"watchdog", OPTION_WATCHDOG, "N", 0, "End a machine after N million ticks", 0},
	{"executor", OPTION_EXECUTOR, "NAME", 0,
	 "Run the machines here (local, the default), or as an array job of slurm", 0},
	{"cell", OPTION_CELL, "RUN/STACK", OPTION_HIDDEN, NULL, 0}, /* a task of slurm */
	{"resume", OPTION_RESUME, "RUN", OPTION_ARG_OPTIONAL,
	 "Run only the stacks that the last attempt, or RUN, does not have as they would be run now",
	 0},
	{"no-plots", OPTION_NO_PLOTS, NULL, 0, "Draw no figures", 0},
	{0},
};

static const char doc[] =
	"Runs every stack of EXPERIMENT, the name of a file of bench/experiments/ or the path of "
	"an INI file, writes the run to results/EXPERIMENT and prints its report.\v"
	"Where a stack fails, the others go on, but the run takes no name: what came of them, and the "
	"console of the one that failed, is then in results/.EXPERIMENT.failed/, and --resume goes "
	"on with it.";

struct arguments {
	const char *experiment;
	const char *cell;				/* NULL: all of them */
	const char *results, *bochs;			/* NULL: as the project has it */
	const char *resumed;				/* NULL: the last attempt */
	const char *platform, *cpu, *memory, *watchdog; /* NULL: as the experiment has it */
	struct run_options run;
};

static unsigned parse_jobs(const char *text, struct argp_state *state)
{
	char *end;
	unsigned long jobs = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end != '\0' || jobs < 1 ||
	    jobs > EXPERIMENT_MAX_STACKS)
		argp_error(state, "--jobs takes a number from 1 to %d, not '%s'",
			   EXPERIMENT_MAX_STACKS, text);
	return (unsigned)jobs;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'j':
		arguments->run.jobs = parse_jobs(arg, state);
		return 0;
	case OPTION_RESULTS:
		arguments->results = arg;
		return 0;
	case OPTION_BOCHS:
		arguments->bochs = arg;
		return 0;
	case OPTION_PLATFORM:
		arguments->platform = arg;
		return 0;
	case OPTION_CPU:
		arguments->cpu = arg;
		return 0;
	case OPTION_MEMORY:
		arguments->memory = arg;
		return 0;
	case OPTION_WATCHDOG:
		arguments->watchdog = arg;
		return 0;
	case OPTION_EXECUTOR:
		arguments->run.slurm = strcmp(arg, "slurm") == 0;
		if (!arguments->run.slurm && strcmp(arg, "local") != 0)
			argp_error(state, "--executor takes local or slurm, not '%s'", arg);
		return 0;
	case OPTION_CELL:
		arguments->cell = arg;
		return 0;
	case OPTION_RESUME:
		arguments->run.resume = true;
		arguments->resumed = arg;
		return 0;
	case OPTION_NO_PLOTS:
		arguments->run.plots = false;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->experiment != NULL)
			argp_error(state, "one experiment at a time");
		arguments->experiment = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which experiment?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The INI file of an experiment that is given by its name or by its path. */
static int find_experiment(const struct project *project, const char *name, char *path,
			   struct vmfee_error *err)
{
	char list[256];

	if (strchr(name, '/') != NULL || strstr(name, ".ini") != NULL) {
		if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
			return vmfee_fail(err, VMFEE_USAGE,
					  "the path of the experiment is too "
					  "long");
		return 0;
	}
	if (project_path(path, project->experiments, name, ".ini", err) != 0)
		return -1;
	if (access(path, F_OK) == 0)
		return 0;
	project_list(project->experiments, ".ini", list, sizeof(list));
	return vmfee_fail(err, VMFEE_USAGE,
			  "no experiment '%s' in bench/experiments; there are: %s", name, list);
}

static int override(struct experiment *experiment, const char *key, const char *value,
		    struct vmfee_error *err)
{
	if (value == NULL || experiment_override(experiment, key, value, err) == 0)
		return 0;
	return vmfee_prefix(err, "--%s", key);
}

/* A run on another platform has a name of its own, so that it takes nobody's place. */
static int change_platform(struct experiment *experiment, const char *platform,
			   struct vmfee_error *err)
{
	char name[2 * sizeof(experiment->name)];

	if (platform == NULL || strcmp(platform, experiment->platform) == 0)
		return 0;
	if (override(experiment, "platform", platform, err) != 0)
		return -1;
	snprintf(name, sizeof(name), "%s-%s", experiment->name, platform);
	if (!stack_valid_name(name))
		return vmfee_fail(err, VMFEE_USAGE, "'%s' is too long a name for a run", name);
	memcpy(experiment->name, name, sizeof(experiment->name));
	return 0;
}

static int settle_on_host(const struct arguments *arguments, struct experiment *experiment,
			  struct vmfee_error *err)
{
	if (arguments->cpu != NULL)
		return vmfee_fail(err, VMFEE_USAGE,
				  "--cpu names a model of Bochs; on the platform kvm the processor "
				  "is this machine's");
	return kvm_host_settle(experiment, err);
}

static int prepare(const struct arguments *arguments, struct project *project,
		   struct experiment *experiment, char *path, struct vmfee_error *err)
{
	if (project_find(project, err) != 0)
		return -1;
	if ((arguments->results != NULL &&
	     snprintf(project->results, PATH_MAX, "%s", arguments->results) >= PATH_MAX) ||
	    (arguments->bochs != NULL &&
	     snprintf(project->bochs, PATH_MAX, "%s", arguments->bochs) >= PATH_MAX))
		return vmfee_fail(err, VMFEE_USAGE, "a path is longer than %d bytes", PATH_MAX - 1);
	if (find_experiment(project, arguments->experiment, path, err) != 0 ||
	    experiment_load(experiment, path, project->images, project->models, err) != 0 ||
	    change_platform(experiment, arguments->platform, err) != 0 ||
	    override(experiment, "cpu", arguments->cpu, err) != 0 ||
	    override(experiment, "memory", arguments->memory, err) != 0 ||
	    override(experiment, "watchdog", arguments->watchdog, err) != 0)
		return -1;
	if (experiment_settle(experiment, err) != 0 ||
	    (platform_find(experiment->platform)->machine == PLATFORM_HOST &&
	     settle_on_host(arguments, experiment, err) != 0))
		return -1;
	/* What is not run here is told at once, and again in the report. */
	if (experiment->left_out[0] != '\0')
		fprintf(stderr, "%s: not run: %s\n", experiment->name, experiment->left_out);
	return 0;
}

/* A run that is to be taken over need not have been finished. */
static int find_resumed(struct arguments *arguments, const struct project *project,
			struct vmfee_error *err)
{
	const char *name = arguments->resumed;
	char *path = arguments->run.from;

	if (name == NULL)
		return 0;
	if (strchr(name, '/') == NULL)
		return project_path(path, project->results, name, "", err) != 0 ||
				       access(path, F_OK) != 0
			       ? vmfee_fail(err, VMFEE_USAGE, "--resume: no run '%s' in %s", name,
					    project->results)
			       : 0;
	if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX || access(path, F_OK) != 0)
		return vmfee_fail(err, VMFEE_USAGE, "--resume: no run in %s", name);
	return 0;
}

/* The last part of a path is the name of a run, or begins with '.', where some stacks failed. */
static bool is_whole(const char *run)
{
	return strrchr(run, '/')[1] != '.';
}

/* A matrix in words and one table, and where the rest is; of anything else, all there is. */
static int print_results(const struct project *project, const struct results *results,
			 const char *run, struct vmfee_error *err)
{
	unsigned width = screen_width(STDOUT_FILENO, REPORT_WIDTH);
	struct matrix *matrix = matrix_make(results, err);

	if (matrix == NULL)
		return -1;
	int failed = matrix->groups == 0
			     ? report_write(results, stdout, width, err)
			     : report_headline(results, matrix, project, stdout, width, err);
	if (!failed && matrix->groups > 0)
		printf("\nEach stack by itself, exit by exit: %s/report.txt\n", run);
	free(matrix);
	return failed;
}

static int print_report(const struct project *project, const char *run, struct vmfee_error *err)
{
	char path[PATH_MAX];
	struct results results;

	if (project_path(path, run, "results", ".db", err) != 0)
		return -1;
	int failed = results_load(&results, path, err);
	if (!failed)
		failed = print_results(project, &results, run, err);
	results_free(&results);
	if (failed)
		return -1;
	printf(is_whole(run) ? "\nThe run is in %s.\n"
			     : "\nThe stacks that did not fail are in %s.\n",
	       run);
	if (project_path(path, run, "report", ".html", err) == 0 && access(path, R_OK) == 0)
		printf("To look at: %s\n", path);
	return 0;
}

static int make_absolute(char *path, struct vmfee_error *err)
{
	char given[PATH_MAX];
	char folder[PATH_MAX];

	if (path[0] == '/')
		return 0;
	memcpy(given, path, sizeof(given));
	if (getcwd(folder, sizeof(folder)) == NULL)
		return vmfee_fail_errno(err, "the current folder");
	return project_path(path, folder, given, "", err);
}

/* Slurm's tasks run elsewhere: they get whole paths, and the options that are settled here. */
static int run(struct project *project, const struct experiment *experiment,
	       struct arguments *arguments, char *file, char *path, struct vmfee_error *err)
{
	const char *const settled[][2] = {
		{"--bochs", project->bochs},	     {"--platform", arguments->platform},
		{"--cpu", arguments->cpu},	     {"--memory", arguments->memory},
		{"--watchdog", arguments->watchdog},
	};
	enum { SETTLED = sizeof(settled) / sizeof(settled[0]) };
	char text[SETTLED][PATH_MAX + 16];
	char *deciding[SETTLED];

	if (!arguments->run.slurm)
		return run_experiment(project, experiment, &arguments->run, path, err);
	if (make_absolute(file, err) != 0 || make_absolute(project->results, err) != 0 ||
	    make_absolute(project->bochs, err) != 0)
		return -1;
	for (size_t i = 0; i < SETTLED; i++) {
		size_t number = arguments->run.decisions;
		if (settled[i][1] == NULL)
			continue;
		deciding[number] = text[number];
		snprintf(text[number], sizeof(text[number]), "%s=%s", settled[i][0], settled[i][1]);
		arguments->run.decisions++;
	}
	arguments->run.file = file;
	arguments->run.deciding = deciding;
	return run_experiment(project, experiment, &arguments->run, path, err);
}

int command_run(int argc, char **argv, struct vmfee_error *err)
{
	static const struct argp argp = {
		.options = options, .parser = parse, .args_doc = "EXPERIMENT", .doc = doc};
	struct arguments arguments = {.run = {.plots = true}};
	struct project project;
	struct experiment experiment;
	char path[PATH_MAX] = "";
	char file[PATH_MAX] = "";

	if (command_parse(&argp, argc, argv, &arguments, err) != 0)
		return -1;
	if (prepare(&arguments, &project, &experiment, file, err) != 0 ||
	    find_resumed(&arguments, &project, err) != 0)
		return -1;
	if (arguments.cell != NULL)
		return run_cell(&project, &experiment, arguments.cell, err);
	int failed = run(&project, &experiment, &arguments, file, path, err);
	if (path[0] == '\0')
		return failed;

	/* A report can be printed of a run whose trace and guest disagree; the error stays. */
	struct vmfee_error unprinted = {0};
	if (print_report(&project, path, &unprinted) != 0 && !failed)
		return vmfee_fail(err, unprinted.status, "%s", unprinted.text);
	return failed;
}
