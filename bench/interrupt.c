#include "bench/interrupt.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int interrupt_begin(struct vmfee_error *err)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	/* A file that would become too large is an error of write(), as a full disk is. */
	signal(SIGXFSZ, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
		return vmfee_fail_errno(err, "cannot hold signals back");
	int descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (descriptor < 0)
		return vmfee_fail_errno(err, "signalfd");
	return descriptor;
}

int interrupt_check(int descriptor, struct vmfee_error *err)
{
	struct signalfd_siginfo info;

	if (read(descriptor, &info, sizeof(info)) != sizeof(info))
		return 0;
	return vmfee_fail(err, VMFEE_INTERRUPTED, "interrupted (%s); nothing was kept",
			  strsignal((int)info.ssi_signo));
}
