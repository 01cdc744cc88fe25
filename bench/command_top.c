#include "bench/command.h"
#include "bench/command_arguments.h"
#include "bench/screen.h"
#include "bench/top.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH = 100, FEWEST_ROWS = 5 };

/* Puts the cursor of a terminal home and erases what is behind it (ECMA-48 CUP, ED). */
#define HOME "\033[H\033[J"

static const struct argp_option options[] = {
	{"interval", 'i', "SECONDS", 0, "Look every so many seconds; the default is 1", 0},
	{0},
};

static const char doc[] =
	"Shows the exits of RUN while it goes on: how many come in a second, by level and reason, "
	"which component of the fee takes how much of the time, and how many were lost.  RUN is the "
	"name of an experiment or the directory of a run.  It ends with the run; of one that has "
	"ended it shows all exits.  Where stdout is no terminal, what it shows is written again at "
	"each interval.\v"
	"Exits are seen once the hypervisor has filled a sub-buffer of its ring, and all of them when "
	"the stack has ended.";

struct arguments {
	const char *run;
	double interval;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	char *end;

	switch (key) {
	case 'i':
		arguments->interval = strtod(arg, &end);
		if (end == arg || *end != '\0' || !(arguments->interval >= 0.1) ||
		    !(arguments->interval <= 3600))
			argp_error(state, "--interval takes seconds from 0.1 to 3600, not '%s'",
				   arg);
		return 0;
	default:
		return command_take_run(&arguments->run, key, arg, state);
	}
}

/* An experiment that runs is looked at before its last run. */
static int open_run(struct top *top, const struct project *project, const char *name,
		    struct vmfee_error *err)
{
	char partial[NAME_MAX + 1];
	char path[PATH_MAX];
	char list[256];

	if (strchr(name, '/') != NULL)
		return top_open(top, name, err);
	if (snprintf(partial, sizeof(partial), ".%s.partial", name) < (int)sizeof(partial) &&
	    project_path(path, project->results, partial, "", err) == 0 &&
	    access(path, F_OK) == 0 && top_open(top, path, err) == 0) {
		if (top->live)
			return 0;
		top_close(top);
	}
	if (err->status != VMFEE_OK || project_path(path, project->results, name, "", err) != 0)
		return -1;
	if (name[0] != '.' && access(path, F_OK) == 0)
		return top_open(top, path, err);
	project_list(project->results, "", list, sizeof(list));
	return vmfee_fail(err, VMFEE_USAGE,
			  "no run '%s' goes on, and none is in results; there are: %s", name, list);
}

static unsigned rows_of_screen(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < FEWEST_ROWS)
		return FEWEST_ROWS;
	return size.ws_row;
}

/* The kinds of exits get what the rest leaves of the screen: headings, a line for each stack. */
static unsigned rows_of_kinds(const struct top *top)
{
	unsigned rows = rows_of_screen();
	unsigned used = (unsigned)top->cells + 8;

	return rows < used + FEWEST_ROWS ? FEWEST_ROWS : rows - used;
}

static int show(const struct top *top, const char *name, bool terminal, struct vmfee_error *err)
{
	unsigned ended = 0;

	for (size_t i = 0; i < top->cells; i++)
		ended += top->cell[i]->state != TOP_RUNS;
	if (terminal && top->live)
		fputs(HOME, stdout);
	printf("%s %s: %u of %zu stacks that were begun have ended\n\n", name,
	       top->live ? "goes on" : "has ended", ended, top->cells);
	if (top_print(top, terminal && top->live ? rows_of_kinds(top) : 0, stdout,
		      screen_width(STDOUT_FILENO, WIDTH)) != 0)
		return vmfee_fail(err, VMFEE_SYSTEM, "out of memory for a table");
	putchar('\n');
	return fflush(stdout) == 0 ? 0 : vmfee_fail_errno(err, "cannot write to stdout");
}

static int follow(struct top *top, const struct arguments *arguments, struct vmfee_error *err)
{
	const bool terminal = isatty(STDOUT_FILENO);
	const struct timespec interval = {
		.tv_sec = (time_t)arguments->interval,
		.tv_nsec =
			(long)((arguments->interval - (double)(time_t)arguments->interval) * 1e9),
	};

	for (;;) {
		if (top_look(top, err) != 0 || show(top, arguments->run, terminal, err) != 0)
			return -1;
		if (!top->live)
			return 0;
		nanosleep(&interval, NULL);
	}
}

int command_top(int argc, char **argv, struct vmfee_error *err)
{
	static const struct argp argp = {
		.options = options, .parser = parse, .args_doc = "RUN", .doc = doc};
	struct arguments arguments = {.interval = 1};
	struct project project;
	struct top top = {.folder = -1};

	if (command_parse(&argp, argc, argv, &arguments, err) != 0)
		return -1;
	if (project_find(&project, err) != 0)
		return -1;
	int failed = open_run(&top, &project, arguments.run, err) || follow(&top, &arguments, err);
	top_close(&top);
	return failed ? -1 : 0;
}
