#include "bench/launcher/output.h"

#include "l1vmm/arch/ports.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <unistd.h>

static void write_port(void *ctx, const char *bytes, size_t length)
{
	(void)ctx;
	outsb(PORT_CONSOLE, bytes, length);
}

static void write_stdout(void *ctx, const char *bytes, size_t length)
{
	(void)ctx;
	while (length > 0) {
		ssize_t put = write(STDOUT_FILENO, bytes, length);
		if (put < 0 && errno == EINTR)
			continue;
		/* Nobody listens any more; the guest goes on to its end. */
		if (put < 0)
			return;
		bytes += put;
		length -= (size_t)put;
	}
}

static void write_nowhere(void *ctx, const char *bytes, size_t length)
{
	(void)ctx;
	(void)bytes;
	(void)length;
}

struct ports_output output_nowhere(void)
{
	return (struct ports_output){.write = write_nowhere};
}

int output_open(struct ports_output *output, bool port, struct vmfee_error *err)
{
	*output = (struct ports_output){.write = port ? write_port : write_stdout};
	if (port && (ioperm(PORT_CONSOLE, 1, 1) != 0 || ioperm(PORT_SHUTDOWN, 1, 1) != 0))
		return vmfee_fail_errno(err, "the ports of the console");
	return 0;
}

void output_line(const struct ports_output *output, const char *fmt, ...)
{
	char line[480];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	output->write(output->ctx, line, strlen(line));
	output->write(output->ctx, "\n", 1);
}

_Noreturn void output_shutdown(void)
{
	outsb(PORT_SHUTDOWN, SHUTDOWN_TEXT, strlen(SHUTDOWN_TEXT));
	_exit(0);
}
