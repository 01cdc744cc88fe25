#include "bench/launcher/output.h"

#include "l1vmm/arch/ports.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <unistd.h>

static void write_port(void *ctx, const char *bytes, size_t length)
{
	(void)ctx;
	outsb(PORT_CONSOLE, bytes, length);
}

/* How long a reader is waited for before somebody looks whether there is still time. */
enum { LOOK_MS = 100 };

static int obeyed = -1; /* the signalfd */
static atomic_bool hurried;
static atomic_int lost; /* the errno of what was not written */

static bool is_late(void)
{
	struct pollfd signals = {.fd = obeyed, .events = POLLIN};

	return atomic_load(&hurried) || poll(&signals, 1, 0) > 0;
}

bool output_wait(int file)
{
	for (;;) {
		struct pollfd reader = {.fd = file, .events = POLLOUT};
		int ready = poll(&reader, 1, LOOK_MS);
		/* Whatever else is wrong, write() tells. */
		if (ready > 0 || (ready < 0 && errno != EINTR))
			return true;
		if (ready == 0 && is_late())
			return false;
	}
}

static void write_stdout(void *ctx, const char *bytes, size_t length)
{
	(void)ctx;
	while (length > 0 && atomic_load(&lost) == 0) {
		if (!output_wait(STDOUT_FILENO)) {
			atomic_store(&lost, EPIPE);
			return;
		}
		ssize_t put = write(STDOUT_FILENO, bytes, length < PIPE_BUF ? length : PIPE_BUF);
		if (put >= 0) {
			bytes += put;
			length -= (size_t)put;
		} else if (errno != EINTR && errno != EAGAIN) {
			atomic_store(&lost, errno);
		}
	}
}

void output_obey(int signals)
{
	obeyed = signals;
}

void output_hurry(void)
{
	atomic_store(&hurried, true);
}

int output_check(struct vmfee_error *err)
{
	errno = atomic_load(&lost);
	/* Where nobody listens any more, the guest goes on to its end. */
	if (errno == 0 || errno == EPIPE)
		return 0;
	return vmfee_fail_errno(err, "stdout");
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
