#include "bench/interrupt.h"

#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int interrupts_begin(struct interrupts *interrupts, struct vmfee_error *err)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	interrupts->descriptor = -1;
	/* A file that would become too large is an error of write(), as a full disk is. */
	signal(SIGXFSZ, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &signals, &interrupts->before) != 0)
		return vmfee_fail_errno(err, "cannot hold signals back");
	interrupts->descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (interrupts->descriptor < 0)
		return vmfee_fail_errno(err, "signalfd");
	return 0;
}

/* Takes one of the signals that wait. */
static bool take(const struct interrupts *interrupts, struct signalfd_siginfo *info)
{
	return read(interrupts->descriptor, info, sizeof(*info)) == sizeof(*info);
}

int interrupts_check(const struct interrupts *interrupts, struct vmfee_error *err)
{
	struct signalfd_siginfo info;

	if (!take(interrupts, &info))
		return 0;
	return vmfee_fail(err, VMFEE_INTERRUPTED, "interrupted (%s)",
			  strsignal((int)info.ssi_signo));
}

void interrupts_end(struct interrupts *interrupts)
{
	struct signalfd_siginfo info;

	while (take(interrupts, &info))
		;
	close(interrupts->descriptor);
	sigprocmask(SIG_SETMASK, &interrupts->before, NULL);
}
