#include "bench/command.h"
#include "bench/command_arguments.h"
#include "bench/query.h"
#include "bench/screen.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { OPTION_CSV = 0x100, PAGE = 100 };

static const struct argp_option options[] = {
	{"csv", OPTION_CSV, NULL, 0, "Print comma-separated values in place of a table", 0},
	{0},
};

static const char doc[] =
	"Puts QUERY, one statement in SQL, to the database of RUN, which is only read. Without "
	"QUERY: prints the schema, in which each table, column and view tells what it is.\v"
	"EXAMPLES\n"
	"  vmfee sql fee\n"
	"  vmfee sql fee \"SELECT benchmark, fee_per_op FROM fee ORDER BY fee_per_op DESC\"\n"
	"  vmfee sql fee \"SELECT * FROM exit_cost WHERE stack = 'l1vmm'\"\n"
	"  vmfee sql --csv fee \"SELECT number, ticks FROM sample WHERE benchmark = 2\"\n";

struct arguments {
	const char *run, *query;
	bool csv;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	if (key == OPTION_CSV) {
		arguments->csv = true;
		return 0;
	}
	if (key != ARGP_KEY_ARG || arguments->run == NULL)
		return command_take_run(&arguments->run, key, arg, state);
	if (arguments->query != NULL)
		argp_error(state, "one query at a time, and in one argument: quote it");
	arguments->query = arg;
	return 0;
}

int command_sql(int argc, char **argv, struct vmfee_error *err)
{
	static const struct argp argp = {
		.options = options, .parser = parse, .args_doc = "RUN [QUERY]", .doc = doc};
	struct arguments arguments = {0};
	struct project project;
	char run[PATH_MAX];
	char database[PATH_MAX];

	if (command_parse(&argp, argc, argv, &arguments, err) != 0)
		return -1;
	if (command_find_run(&project, arguments.run, run, database, err) != 0)
		return -1;
	if (arguments.csv)
		return query_csv(database, arguments.query, stdout, err);
	return query_print(database, arguments.query, stdout, screen_width(STDOUT_FILENO, PAGE),
			   err);
}
