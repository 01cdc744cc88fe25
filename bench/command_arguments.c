#include "bench/command_arguments.h"

#include <string.h>

int command_parse(const struct argp *argp, int argc, char **argv, void *arguments,
		  struct vmfee_error *err)
{
	error_t wrong = argp_parse(argp, argc, argv, 0, NULL, arguments);

	return wrong == 0 ? 0 : vmfee_fail(err, VMFEE_USAGE, "%s", strerror(wrong));
}

error_t command_take_run(const char **run, int key, char *arg, const struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_ARG:
		if (*run != NULL)
			argp_error(state, "one run at a time");
		*run = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which run?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int command_find_run(struct project *project, const char *name, char *run, char *database,
		     struct vmfee_error *err)
{
	return project_find(project, err) != 0 ? -1
					       : project_run(project, name, run, database, err);
}
