#include "bench/launch.h"
#include "bench/kvm_level.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAUNCH_ERRORS "launch.stderr"

/* The launcher takes an image's path up to a blank, and a project may lie anywhere. */
#define LAUNCH_IMAGES "images"

/* KiB; none where nobody records. */
enum { RING = 16384 };

enum { MAX_OPTIONS = 8, MAX_OPTION = 32 };

struct arguments {
	char option[MAX_OPTIONS][MAX_OPTION];
	char image[STACK_MAX_LEVELS]
		  [sizeof(LAUNCH_IMAGES) + STACK_MAX_NAME + STACK_MAX_CMDLINE + 8];
	char *argv[1 + MAX_OPTIONS + STACK_MAX_LEVELS + 1];
	size_t options, count; /* in argv */
};

__attribute__((format(printf, 2, 3))) static void add_option(struct arguments *arguments,
							     const char *fmt, ...)
{
	char *option = arguments->option[arguments->options++];
	va_list args;

	va_start(args, fmt);
	vsnprintf(option, MAX_OPTION, fmt, args);
	va_end(args);
	arguments->argv[arguments->count++] = option;
}

static int add_arguments(struct arguments *arguments, const struct launch_machine *machine,
			 struct vmfee_error *err)
{
	const struct stack *stack = machine->stack;
	unsigned lowest = kvm_level_is(stack) ? 1 : 0;
	struct kvm_level level = {.observe = false};

	if (lowest == 1 && kvm_level_parse(&level, stack->level[0].cmdline, err) != 0)
		return -1;
	add_option(arguments, "--memory=%u", machine->memory);
	add_option(arguments, "--timeout=%u", machine->seconds);
	add_option(arguments, "--ring=%d", stack->levels > 2 ? RING : 0);
	add_option(arguments, "--console=%s", lowest == 1 ? "stdout" : "guest");
	if (lowest == 1)
		add_option(arguments, "--trace=" LAUNCH_OUTBOX);
	if (level.observe)
		add_option(arguments, "--observe=trace");
	for (unsigned i = lowest; i < stack->levels; i++) {
		char *image = arguments->image[i];
		snprintf(image, sizeof(arguments->image[i]), LAUNCH_IMAGES "/%s.elf %s",
			 stack->level[i].image, stack->level[i].cmdline);
		arguments->argv[arguments->count++] = image;
	}
	return 0;
}

static int link_images(const struct launch_machine *machine, struct vmfee_error *err)
{
	char path[PATH_MAX];

	if (project_path(path, machine->folder, LAUNCH_IMAGES, "", err) != 0)
		return -1;
	return symlink(machine->project->images, path) == 0 ? 0 : vmfee_fail_errno(err, "%s", path);
}

int launch_start(struct launch *launch, const struct launch_machine *machine,
		 struct vmfee_error *err)
{
	struct arguments arguments = {.count = 0};
	struct utsname kernel;
	char program[PATH_MAX];
	struct process_command command = {.argv = arguments.argv,
					  .folder = machine->folder,
					  .errors = LAUNCH_ERRORS,
					  .missing = VMFEE_PLATFORM};

	memset(launch, 0, sizeof(*launch));
	launch->process = PROCESS_NONE;
	snprintf(launch->folder, sizeof(launch->folder), "%s", machine->folder);
	if (uname(&kernel) != 0)
		return vmfee_fail_errno(err, "uname");
	snprintf(launch->version, sizeof(launch->version), "%.*s", (int)sizeof(launch->version) - 1,
		 kernel.release);
	snprintf(program, sizeof(program), "%s", machine->project->launcher);
	arguments.argv[arguments.count++] = program;
	if (add_arguments(&arguments, machine, err) != 0 || link_images(machine, err) != 0)
		return -1;
	return process_start(&launch->process, &command, err);
}

int launch_read(const struct launch *launch, char *bytes, size_t size)
{
	ssize_t got = read(launch->process.out, bytes, size);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	return got == 0 ? -1 : (int)got;
}

static void last_words(const struct launch *launch, char *message, size_t size)
{
	char path[PATH_MAX + sizeof("/" LAUNCH_ERRORS)];

	message[0] = '\0';
	snprintf(path, sizeof(path), "%s/" LAUNCH_ERRORS, launch->folder);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return;
	while (fgets(message, (int)size, file) != NULL)
		message[strcspn(message, "\n")] = '\0';
	fclose(file);
}

enum vmfee_status launch_wait(struct launch *launch, char *message, size_t size)
{
	int status = process_wait(&launch->process);

	last_words(launch, message, size);
	if (WIFEXITED(status))
		return (enum vmfee_status)WEXITSTATUS(status);
	snprintf(message, size, "l1vmm-launch: killed by signal %d", WTERMSIG(status));
	return VMFEE_SYSTEM;
}

void launch_kill(struct launch *launch)
{
	process_kill(&launch->process);
}

void launch_clean(const struct launch *launch)
{
	static const char *const names[] = {LAUNCH_ERRORS, LAUNCH_IMAGES, LAUNCH_OUTBOX};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[PATH_MAX + 32];
		snprintf(path, sizeof(path), "%s/%s", launch->folder, names[i]);
		unlink(path);
	}
}
