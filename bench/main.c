/*
 * vmfee runs experiments and reads what came of them.
 */
#include "bench/command.h"
#include "bench/version.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	char *title; /* what its own help calls the program */
	int (*execute)(int argc, char **argv, struct vmfee_error *err);
} commands[] = {
	{"run", "vmfee run", command_run},
	{"report", "vmfee report", command_report},
	{"merge", "vmfee merge", command_merge},
	{"top", "vmfee top", command_top},
	{"compare", "vmfee compare", command_compare},
	{"calibrate", "vmfee calibrate", command_calibrate},
	{"export", "vmfee export", command_export},
	{"sql", "vmfee sql", command_sql},
	{"doctor", "vmfee doctor", command_doctor},
	{"reference", "vmfee reference", command_reference},
};

static const char doc[] =
	"vmfee measures what virtualization costs: it runs the stacks of an experiment and reports "
	"the fee.\v"
	"COMMANDS\n"
	"  run EXPERIMENT     run every stack of an experiment, and report\n"
	"  report RUN         print the table of a run, its CSV, or draw its figures\n"
	"  top RUN            the exits of a run while it goes on\n"
	"  merge NAME RUN...  make one run of the stacks of several\n"
	"  compare RUN RUN    what differs between two runs, and whether it could be chance\n"
	"  calibrate RUN      fit a cost model to a run on a real processor\n"
	"  export FORMAT RUN  write a run for another tool: Perfetto, Prometheus, gnuplot\n"
	"  sql RUN [QUERY]    ask the database of a run, or print its schema\n"
	"  doctor             what this machine can run, and what would disturb a measurement\n"
	"  reference          what records, tables and switches there are: docs/reference.md\n"
	"  help [COMMAND]     this text, or that of a command\n"
	"\n"
	"FILES\n"
	"  bench/experiments/NAME.ini   the experiments\n"
	"  build/images/NAME.elf        the images that stacks are made of\n"
	"  bench/models/NAME.ini        TLBs and prices of processors\n"
	"  bench/published/NAME.ini     published numbers that an experiment reproduces\n"
	"  results/NAME/                the last run of an experiment\n"
	"  results/NAME.N/              older ones, the highest number the youngest\n"
	"\n"
	"ENVIRONMENT\n"
	"  L1VMM_BOCHS   the Bochs to run, in place of .cache/bochs/run\n"
	"\n"
	"EXIT STATUS\n"
#define STATUS(number, NAME, text) "  " #number "\t" text "\n"
#include "bench/status.def"
#undef STATUS
	"\n"
	"EXAMPLES\n"
	"  vmfee run fee\n"
	"  vmfee report --csv fee\n"
	"  vmfee report results/fee.1\n"
	"  vmfee compare --fail-over 5% fee.1 fee\n"
	"  vmfee sql fee \"SELECT * FROM fee WHERE stack = 'l1vmm'\"\n";

/* "run, report, ..., help", into list of size bytes. */
static void list_commands(char *list, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		used += (size_t)snprintf(list + used, size - used, "%s, ", commands[i].name);
	snprintf(list + used, size - used, "help");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* What comes behind the command is the command's own. */
static error_t parse(int key, char *arg, struct argp_state *state)
{
	int *first = state->input;
	char list[128];

	switch (key) {
	case ARGP_KEY_ARG:
		*first = state->next - 1;
		list_commands(list, sizeof(list));
		if (strcmp(arg, "help") != 0 && find_command(arg) == NULL)
			argp_error(state, "there is no command '%s'; there are: %s", arg, list);
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = doc,
};

/* `vmfee help COMMAND` is `vmfee COMMAND --help`, which ends the program. */
static int help(const char *name, struct vmfee_error *err)
{
	char option[] = "--help";
	char list[128];
	const struct command *command = name == NULL ? NULL : find_command(name);
	char *argv[] = {command == NULL ? "vmfee" : command->title, option, NULL};

	if (command != NULL)
		return command->execute(2, argv, err);
	if (name == NULL)
		argp_parse(&argp, 2, argv, 0, NULL, NULL);
	list_commands(list, sizeof(list));
	return vmfee_fail(err, VMFEE_USAGE, "there is no command '%s'; there are: %s", name, list);
}

static int execute(int argc, char **argv, struct vmfee_error *err)
{
	const struct command *command = find_command(argv[0]);

	if (command == NULL)
		return help(argv[1], err);
	argv[0] = command->title;
	return command->execute(argc, argv, err);
}

int main(int argc, char **argv)
{
	struct vmfee_error err = {0};
	int first = argc;

	argp_err_exit_status = VMFEE_USAGE;
	argp_program_version = vmfee_version;
	error_t failed = argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &first);
	if (failed != 0 || first >= argc)
		return VMFEE_USAGE;

	if (execute(argc - first, argv + first, &err) != 0)
		fprintf(stderr, "vmfee: %s\n", err.text);
	if (fflush(stdout) != 0 && err.status == VMFEE_OK) {
		vmfee_fail_errno(&err, "cannot write to stdout");
		fprintf(stderr, "vmfee: %s\n", err.text);
	}
	return err.status;
}
