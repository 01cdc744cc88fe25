#include "bench/command.h"
#include "bench/command_arguments.h"
#include "bench/reference.h"

#include <stdio.h>

static const char doc[] =
	"Prints the reference of what a run consists of: the exit record, the database, what exits are "
	"charged to, switches.  docs/reference.md is this.";

int command_reference(int argc, char **argv, struct vmfee_error *err)
{
	static const struct argp argp = {.doc = doc};

	if (command_parse(&argp, argc, argv, NULL, err) != 0)
		return -1;
	if (reference_write(stdout, err) != 0)
		return -1;
	return fflush(stdout) == 0 ? 0 : vmfee_fail_errno(err, "the reference");
}
