#include "bench/launcher/options.h"
#include "bench/launcher/machine.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPTION_MEMORY = 0x100,
	OPTION_RING,
	OPTION_TIMEOUT,
	OPTION_PROCESSOR,
	OPTION_TRACE,
	OPTION_OBSERVE,
	OPTION_CONSOLE,
	OPTION_CLOCK,
};

enum { DEFAULT_MEMORY = 256, DEFAULT_RING = 4096, RING_UNIT = 64, MAX_RING = 1 << 20 };

static const struct argp_option known[] = {
	{"memory", OPTION_MEMORY, "MIB", 0, "Memory of the machine; the default is 256", 0},
	{"trace", OPTION_TRACE, "FILE", 0,
	 "Write the exits that the lowest image records to FILE, or to ata:LBA,SECTORS", 0},
	{"observe", OPTION_OBSERVE, "FILE", 0,
	 "Write the exits that KVM itself takes to FILE, by BPF programs on its tracepoints; trace: "
	 "to where --trace says",
	 0},
	{"ring", OPTION_RING, "KIB", 0,
	 "Room for exits not yet written, 0 for an image that records none; the default is 4096",
	 0},
	{"timeout", OPTION_TIMEOUT, "SECONDS", 0, "End a guest that takes longer", 0},
	{"processor", OPTION_PROCESSOR, "N", 0, "The processor to pin the guest to", 0},
	{"console", OPTION_CONSOLE, "WHERE", 0,
	 "stdout; guest: stdout, with nothing but what the guest writes; or port: ports 0xE9 and "
	 "0x8900 of the machine beneath",
	 0},
	{"clock", OPTION_CLOCK, "WHOSE", 0,
	 "guest: its time-stamp counter begins at 0; or host: it is that of the machine beneath",
	 0},
	{0},
};

static const char doc[] =
	"Runs a stack of PVH images on /dev/kvm, as a single processor's machine.\v"
	"Each IMAGE is the path of an image, followed by a blank and its command line where it has "
	"one; the first is the lowest.  The console goes to stdout, each line behind a bar.";

static unsigned number(const char *text, const char *name, unsigned low, unsigned high,
		       struct argp_state *state)
{
	char *end;

	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || value < low ||
	    value > high)
		argp_error(state, "--%s takes a number from %u to %u, not '%s'", name, low, high,
			   text);
	return (unsigned)value;
}

static void add_image(struct launch_options *options, char *text, struct argp_state *state)
{
	char *blank = strchr(text, ' ');

	if (options->count == LOAD_MAX_IMAGES)
		argp_error(state, "a stack has at most %d images", LOAD_MAX_IMAGES);
	if (blank != NULL)
		*blank = '\0';
	options->images[options->count++] = (struct load_image){
		.path = text, .cmdline = blank == NULL ? "" : blank + 1 + strspn(blank + 1, " ")};
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct launch_options *options = state->input;

	switch (key) {
	case OPTION_MEMORY:
		options->memory =
			number(arg, "memory", MACHINE_MIN_MEMORY, MACHINE_MAX_MEMORY, state);
		return 0;
	case OPTION_RING:
		options->ring = number(arg, "ring", 0, MAX_RING, state);
		if (options->ring % RING_UNIT != 0)
			argp_error(state, "--ring takes a multiple of %d", RING_UNIT);
		return 0;
	case OPTION_TIMEOUT:
		options->timeout = number(arg, "timeout", 1, INT_MAX / 1000, state);
		return 0;
	case OPTION_PROCESSOR:
		options->processor = (int)number(arg, "processor", 0, 1023, state);
		return 0;
	case OPTION_TRACE:
		options->trace = arg;
		return 0;
	case OPTION_OBSERVE:
		options->observe = arg;
		return 0;
	case OPTION_CONSOLE:
		options->ports = strcmp(arg, "port") == 0;
		options->bare = strcmp(arg, "guest") == 0;
		if (!options->ports && !options->bare && strcmp(arg, "stdout") != 0)
			argp_error(state, "--console is stdout, guest or port, not '%s'", arg);
		return 0;
	case OPTION_CLOCK:
		options->clock_of_host = strcmp(arg, "host") == 0;
		if (!options->clock_of_host && strcmp(arg, "guest") != 0)
			argp_error(state, "--clock is guest or host, not '%s'", arg);
		return 0;
	case ARGP_KEY_ARG:
		add_image(options, arg, state);
		return 0;
	case ARGP_KEY_END:
		if (options->trace != NULL && options->observe != NULL &&
		    strcmp(options->trace, options->observe) == 0)
			argp_error(state, "--observe=trace is what writes to the file of --trace");
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which images?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void launch_options_parse(struct launch_options *options, int argc, char **argv)
{
	static const struct argp argp = {
		.options = known, .parser = parse, .args_doc = "IMAGE...", .doc = doc};

	*options = (struct launch_options){
		.memory = DEFAULT_MEMORY, .ring = DEFAULT_RING, .processor = -1};
	argp_err_exit_status = VMFEE_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, options);
}
