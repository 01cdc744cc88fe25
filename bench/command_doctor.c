#include "bench/command.h"
#include "bench/doctor.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char doc[] =
	"Says what this machine can run, what would disturb a measurement on it, and what to do "
	"about either.\v"
	"On the platforms bochs and bochs-kvm nothing of the machine disturbs a measurement: the "
	"first table matters to them, the second to its own KVM.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)state;
	(void)arg;
	return key == ARGP_KEY_ARG ? EINVAL : ARGP_ERR_UNKNOWN;
}

int command_doctor(int argc, char **argv, struct vmfee_error *err)
{
	static const struct argp argp = {.parser = parse, .doc = doc};
	struct project project;

	error_t wrong = argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (wrong != 0)
		return vmfee_fail(err, VMFEE_USAGE, "doctor takes no argument");
	if (project_find(&project, err) != 0)
		return -1;
	puts("Platforms within Bochs:");
	unsigned troubles = doctor_platforms(&project, stdout);
	puts("\nThis machine's own KVM:");
	troubles += doctor_settings("/", stdout);
	if (troubles > 0)
		printf("\n%u of these can be mended.\n", troubles);
	return 0;
}
