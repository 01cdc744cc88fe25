#include "bench/command.h"
#include "bench/command_arguments.h"
#include "bench/compare_report.h"
#include "bench/report.h"
#include "bench/screen.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_CSV = 0x100, OPTION_ALL, OPTION_FAIL_OVER };

static const struct argp_option options[] = {
	{"all", OPTION_ALL, NULL, 0, "Print the rows that are the same, too", 0},
	{"csv", OPTION_CSV, NULL, 0, "Print a row of comma-separated values per benchmark", 0},
	{"fail-over", OPTION_FAIL_OVER, "PERCENT", 0,
	 "Exit with 9 where AFTER takes more than so much above BEFORE, and that is no chance", 0},
	{0},
};

static const char doc[] =
	"Compares each stack of the run AFTER with the one of that name in the run BEFORE; or one "
	"stack with another, where both are given as RUN:STACK.  On Bochs every difference is one; "
	"elsewhere each has an interval, a test and a size.\v"
	"EXAMPLES\n"
	"  vmfee compare fee.1 fee\n"
	"  vmfee compare --fail-over 5% fee.1 fee\n"
	"  vmfee compare --all mmu:ept-2m mmu:shadow-unsync\n";

struct arguments {
	const char *name[2];
	int names;
	bool all, csv, gate;
	double percent;
};

/* One side of the comparison. */
struct side {
	const char *name;
	char run[PATH_MAX];
	const char *stack; /* NULL: all of the run */
	struct results results;
};

static bool parse_percent(const char *text, double *percent)
{
	char *end;

	*percent = strtod(text, &end);
	if (*end == '%')
		end++;
	return (isdigit((unsigned char)text[0]) || text[0] == '.') && *end == '\0' &&
	       isfinite(*percent);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case OPTION_ALL:
		arguments->all = true;
		return 0;
	case OPTION_CSV:
		arguments->csv = true;
		return 0;
	case OPTION_FAIL_OVER:
		arguments->gate = true;
		if (!parse_percent(arg, &arguments->percent))
			argp_error(state, "--fail-over takes a percentage such as 5%%, not '%s'",
				   arg);
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->names == 2)
			argp_error(state, "two runs at a time");
		arguments->name[arguments->names++] = arg;
		return 0;
	case ARGP_KEY_END:
		if (arguments->names < 2)
			argp_error(state, "which two runs?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* RUN, or RUN:STACK where there is no run with a colon in its name. */
static int open_side(const struct project *project, const char *name, struct side *side,
		     struct vmfee_error *err)
{
	struct vmfee_error whole = {0};
	const char *colon = strrchr(name, ':');
	char run[PATH_MAX];
	char database[PATH_MAX];

	side->name = name;
	snprintf(run, sizeof(run), "%s", name);
	if (project_run(project, run, side->run, database, &whole) != 0 && colon != NULL) {
		snprintf(run, sizeof(run), "%.*s", (int)(colon - name), name);
		side->stack = colon + 1;
	}
	if (project_run(project, run, side->run, database, err) != 0)
		return -1;
	return results_load(&side->results, database, err);
}

static const struct result_stack *find_stack(const struct side *side, const char *name)
{
	for (size_t i = 0; i < side->results.stacks; i++)
		if (strcmp(side->results.stack[i].name, name) == 0)
			return &side->results.stack[i];
	return NULL;
}

static void add_name(char *list, size_t size, const char *name)
{
	size_t used = strlen(list);

	snprintf(list + used, size - used, "%s%s", used == 0 ? "" : ", ", name);
}

static const struct result_stack *need_stack(const struct side *side, struct vmfee_error *err)
{
	const struct result_stack *stack = find_stack(side, side->stack);
	char list[256] = "";

	for (size_t i = 0; stack == NULL && i < side->results.stacks; i++)
		add_name(list, sizeof(list), side->results.stack[i].name);
	if (stack == NULL)
		vmfee_fail(err, VMFEE_USAGE, "%s: no stack '%s'; there are: %s", side->run,
			   side->stack, list);
	return stack;
}

static int compare_named(struct compare_runs *runs, const struct side *sides,
			 struct vmfee_error *err)
{
	const struct result_stack *before = need_stack(&sides[0], err);
	const struct result_stack *after = need_stack(&sides[1], err);

	if (before == NULL || after == NULL)
		return -1;
	return compare_stacks(&runs->comparison[runs->comparisons++], runs->before, before,
			      runs->after, after, err);
}

static int compare_all(struct compare_runs *runs, const struct side *sides, struct vmfee_error *err)
{
	for (size_t i = 0; i < runs->before->stacks; i++) {
		const struct result_stack *before = &runs->before->stack[i];
		const struct result_stack *after = find_stack(&sides[1], before->name);
		if (after == NULL)
			add_name(runs->gone, sizeof(runs->gone), before->name);
		else if (compare_stacks(&runs->comparison[runs->comparisons++], runs->before,
					before, runs->after, after, err) != 0)
			return -1;
	}
	for (size_t i = 0; i < runs->after->stacks; i++)
		if (find_stack(&sides[0], runs->after->stack[i].name) == NULL)
			add_name(runs->added, sizeof(runs->added), runs->after->stack[i].name);
	if (runs->comparisons == 0)
		return vmfee_fail(err, VMFEE_USAGE, "%s and %s have no stack in common",
				  sides[0].name, sides[1].name);
	return 0;
}

static int print(const struct compare_runs *runs, const struct arguments *arguments,
		 struct vmfee_error *err)
{
	if (arguments->csv)
		compare_csv(runs, stdout);
	else if (compare_print(runs, arguments->all, stdout,
			       screen_width(STDOUT_FILENO, REPORT_WIDTH), err) != 0)
		return -1;
	return arguments->gate ? compare_gate(runs, arguments->percent, err) : 0;
}

static int compare_sides(const struct side *sides, const struct arguments *arguments,
			 struct vmfee_error *err)
{
	struct compare_runs runs = {.before_name = sides[0].name,
				    .after_name = sides[1].name,
				    .before = &sides[0].results,
				    .after = &sides[1].results};

	if ((sides[0].stack == NULL) != (sides[1].stack == NULL))
		return vmfee_fail(err, VMFEE_USAGE,
				  "either both are given as RUN:STACK, or neither is");
	if (compare_units(runs.before, runs.after, err) != 0)
		return -1;
	runs.comparison = calloc(runs.before->stacks, sizeof(runs.comparison[0]));
	if (runs.comparison == NULL)
		return vmfee_fail_errno(err, "comparison");
	int failed = sides[0].stack == NULL ? compare_all(&runs, sides, err)
					    : compare_named(&runs, sides, err);
	if (!failed)
		failed = compare_correct(runs.comparison, runs.comparisons, err) ||
			 print(&runs, arguments, err);
	for (size_t i = 0; i < runs.comparisons; i++)
		compare_free(&runs.comparison[i]);
	free(runs.comparison);
	return failed ? -1 : 0;
}

int command_compare(int argc, char **argv, struct vmfee_error *err)
{
	static const struct argp argp = {
		.options = options, .parser = parse, .args_doc = "BEFORE AFTER", .doc = doc};
	struct arguments arguments = {0};
	struct project project;
	struct side sides[2] = {0};

	if (command_parse(&argp, argc, argv, &arguments, err) != 0)
		return -1;
	int failed = project_find(&project, err) != 0 ||
		     open_side(&project, arguments.name[0], &sides[0], err) != 0 ||
		     open_side(&project, arguments.name[1], &sides[1], err) != 0 ||
		     compare_sides(sides, &arguments, err) != 0;
	results_free(&sides[0].results);
	results_free(&sides[1].results);
	return failed ? -1 : 0;
}
