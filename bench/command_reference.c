#include "bench/command.h"
#include "bench/reference.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

static const char doc[] =
	"Prints the reference of what a run consists of: the exit record, the database, what exits are "
	"charged to, switches.  docs/reference.md is this.";

int command_reference(int argc, char **argv, struct vmfee_error *err)
{
	static const struct argp argp = {.doc = doc};
	error_t wrong = argp_parse(&argp, argc, argv, 0, NULL, NULL);

	if (wrong != 0)
		return vmfee_fail(err, VMFEE_USAGE, "%s", strerror(wrong));
	if (reference_write(stdout, err) != 0)
		return -1;
	return fflush(stdout) == 0 ? 0 : vmfee_fail_errno(err, "the reference");
}
