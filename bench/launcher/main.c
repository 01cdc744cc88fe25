/*
 * l1vmm-launch: a stack of images on /dev/kvm.  The vCPU has a thread of its own; this one drains
 * the trace, and waits for the guest's end, a signal or the timeout.
 */
#include "bench/launcher/drain.h"
#include "bench/launcher/host.h"
#include "bench/launcher/machine.h"
#include "bench/launcher/observe.h"
#include "bench/launcher/options.h"
#include "bench/launcher/output.h"
#include "bench/launcher/packer.h"
#include "bench/launcher/sandbox.h"
#include "bench/launcher/sink.h"
#include "bench/launcher/vcpu.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* A ring of the default size takes far longer to fill. */
enum { DRAIN_MS = 5, COMPLAIN_MS = 1000 };

struct launch {
	struct launch_options options;
	struct ports_output output; /* of the launcher's own lines */
	struct sink sink;
	struct machine machine;
	struct ports ports;
	struct drain drain;
	struct observe *observe; /* NULL: nobody looks from beneath */
	struct sink observe_sink;
	struct packer packer;
	struct vcpu vcpu;
	int signals;
	struct timespec deadline;
	const char *ended; /* the word for the @end line */
};

static int drain_all(struct launch *launch, struct vmfee_error *err)
{
	if (drain_ring(&launch->drain, err) != 0)
		return -1;
	return launch->observe == NULL ? 0 : observe_drain(launch->observe, &launch->packer, err);
}

/* There is one processor where ports are written to: what wakes up beside the guest is measured. */
static int look_between_lines(void *ctx, struct vmfee_error *err)
{
	struct launch *launch = ctx;

	if (output_check(err) != 0)
		return -1;
	return launch->options.ports ? drain_all(launch, err) : 0;
}

static int pick_processor(const struct launch_options *options, struct vmfee_error *err)
{
	cpu_set_t mine;
	int best = -1;

	if (sched_getaffinity(0, sizeof(mine), &mine) != 0)
		return vmfee_fail_errno(err, "this process's processors");
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET((size_t)i, &mine) &&
		    (options->processor < 0 || options->processor == i))
			best = i;
	if (best < 0)
		return vmfee_fail(err, VMFEE_USAGE, "--processor=%d is none that this may run on",
				  options->processor);
	return best;
}

static int open_output(struct launch *launch, struct vmfee_error *err)
{
	if (output_open(&launch->output, launch->options.ports, err) != 0)
		return -1;
	launch->ports.output = launch->output;
	launch->ports.bare = launch->options.bare;
	if (launch->options.bare)
		launch->output = output_nowhere();
	return 0;
}

static int open_trace(struct launch *launch, struct vmfee_error *err)
{
	const struct launch_options *options = &launch->options;

	launch->sink.file = -1;
	if (options->trace == NULL)
		return 0;
	launch->drain.ring_bytes = (uint64_t)options->ring << 10;
	launch->drain.sink = &launch->sink;
	return sink_open(&launch->sink, options->trace, err);
}

/* A machine that does not let itself be observed runs its guests all the same. */
static int open_observe(struct launch *launch, struct vmfee_error *err)
{
	const char *where = launch->options.observe;
	bool shared = where != NULL && strcmp(where, "trace") == 0;
	char why[256];

	launch->observe_sink.file = -1;
	launch->packer.sink = shared ? &launch->sink : &launch->observe_sink;
	if (where == NULL || (shared && launch->options.trace == NULL))
		return 0;
	if (!shared && sink_open(&launch->observe_sink, where, err) != 0)
		return -1;
	launch->observe = observe_open(why, sizeof(why));
	if (launch->observe == NULL)
		output_line(&launch->output, "l1vmm-launch: %s; the run goes on without", why);
	return 0;
}

static int load(struct launch *launch, struct vmfee_error *err)
{
	const struct load_stack stack = {.images = launch->options.images,
					 .count = launch->options.count,
					 .ring_bytes = launch->drain.ring_bytes};
	struct load_result loaded;

	if (load_stack(launch->machine.memory, launch->machine.memory_bytes, &stack, &loaded,
		       err) != 0)
		return -1;
	launch->drain.ring = launch->machine.memory + loaded.ring_address;
	return machine_enter_at(&launch->machine, loaded.entry, loaded.start_info, err);
}

static int open_signals(struct launch *launch, struct vmfee_error *err)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	launch->signals = signalfd(-1, &signals, SFD_CLOEXEC);
	if (launch->signals < 0)
		return vmfee_fail_errno(err, "signals");
	output_obey(launch->signals);
	return 0;
}

static int make_thread(struct launch *launch, struct vmfee_error *err)
{
	struct vcpu *vcpu = &launch->vcpu;

	vcpu->machine = &launch->machine;
	vcpu->ports = &launch->ports;
	vcpu->between_lines = look_between_lines;
	vcpu->ctx = launch;
	vcpu->processor = pick_processor(&launch->options, err);
	vcpu->done = eventfd(0, EFD_CLOEXEC);
	if (vcpu->done < 0)
		return vmfee_fail_errno(err, "an eventfd");
	return vcpu->processor < 0 ? -1 : vcpu_start(vcpu, err);
}

static void print_parameter(void *ctx, const char *module, const char *name, const char *value)
{
	(void)module;
	output_line(ctx, "@switch name=%s value=%s", name, value);
}

static int prepare(struct launch *launch, struct vmfee_error *err)
{
	if (open_output(launch, err) != 0 || open_trace(launch, err) != 0 ||
	    open_signals(launch, err) != 0 ||
	    machine_open(&launch->machine, launch->options.memory, launch->options.count > 1,
			 err) != 0 ||
	    (launch->options.clock_of_host && machine_share_clock(&launch->machine, err) != 0) ||
	    load(launch, err) != 0)
		return -1;
	host_each_parameter(print_parameter, &launch->output);
	if (open_observe(launch, err) != 0 || sandbox_drop_privileges(err) != 0 ||
	    make_thread(launch, err) != 0)
		return -1;
	return sandbox_enter(err);
}

/* Milliseconds until the guest has had its time, no more than 0 where it has. */
static int64_t time_left(const struct launch *launch)
{
	const struct timespec *end = &launch->deadline;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	/* Rounded up, so that nobody wakes up before. */
	return ((end->tv_sec - now.tv_sec) * INT64_C(1000000000) + end->tv_nsec - now.tv_nsec +
		999999) /
	       1000000;
}

/* Milliseconds until something is to be done unasked; -1: never. */
static int patience(const struct launch *launch)
{
	const struct launch_options *options = &launch->options;

	if (launch->drain.behind || (launch->observe != NULL && observe_is_behind(launch->observe)))
		return 0;
	if ((launch->drain.ring_bytes > 0 || launch->observe != NULL) && !options->ports)
		return DRAIN_MS;
	if (options->timeout == 0)
		return -1;
	int64_t left = time_left(launch);
	return left < 0 ? 0 : (int)left;
}

static int check_timeout(const struct launch *launch, struct vmfee_error *err)
{
	if (launch->options.timeout == 0 || time_left(launch) > 0)
		return 0;
	return vmfee_fail(err, VMFEE_WATCHDOG, "the guest took longer than %u seconds",
			  launch->options.timeout);
}

static int check_signals(const struct launch *launch, struct vmfee_error *err)
{
	struct signalfd_siginfo info;

	if (read(launch->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	return vmfee_fail(err, VMFEE_INTERRUPTED, "ended by signal %u", info.ssi_signo);
}

/* Until the guest has ended, or must.  Returns 0, or -1. */
static int watch(struct launch *launch, struct vmfee_error *err)
{
	for (;;) {
		struct pollfd waiting[] = {{.fd = launch->vcpu.done, .events = POLLIN},
					   {.fd = launch->signals, .events = POLLIN}};
		if (poll(waiting, 2, patience(launch)) < 0 && errno != EINTR)
			return vmfee_fail_errno(err, "poll");
		if (waiting[0].revents != 0)
			return 0;
		if (waiting[1].revents != 0 && check_signals(launch, err) != 0)
			return -1;
		if (check_timeout(launch, err) != 0)
			return -1;
		if (!launch->options.ports && drain_all(launch, err) != 0)
			return -1;
	}
}

static void say_stop(const struct launch *launch, const char *reason)
{
	output_line(&launch->output, "@stop reason=%s vcpu=0 rip=%#" PRIx64, reason,
		    launch->vcpu.rip);
}

static int judge(struct launch *launch, struct vmfee_error *err)
{
	const struct vcpu *vcpu = &launch->vcpu;

	switch (vcpu->end) {
	case VCPU_POWEROFF:
		if (launch->ports.status == 0)
			return 0;
		launch->ended = "guest-failure";
		return vmfee_fail(err, VMFEE_GUEST, "the guest ended with status %u",
				  launch->ports.status);
	case VCPU_BAD_POWEROFF:
		say_stop(launch, "bad-poweroff");
		return vmfee_fail(err, VMFEE_GUEST,
				  "the guest wrote something else to the port that ends it");
	case VCPU_TRIPLE_FAULT:
		say_stop(launch, "triple-fault");
		return vmfee_fail(err, VMFEE_GUEST, "the guest ended in a triple fault");
	case VCPU_NOT_EMULATED:
		say_stop(launch, "not-emulated");
		return vmfee_fail(err, VMFEE_GUEST,
				  "the guest ran what KVM does not emulate: code where no memory "
				  "is, or an odd access to a device");
	case VCPU_BROKEN:
		launch->ended = "panic";
		return vmfee_fail(err, vcpu->err.status, "%s", vcpu->err.text);
	case VCPU_STOPPED:
		if (vcpu->err.status != VMFEE_OK)
			return vmfee_fail(err, vcpu->err.status, "%s", vcpu->err.text);
		break;
	}
	return -1;
}

static int finish_traces(struct launch *launch, struct vmfee_error *err)
{
	if (drain_all(launch, err) != 0)
		return -1;
	if (launch->observe == NULL)
		return 0;
	while (observe_is_behind(launch->observe))
		if (observe_drain(launch->observe, &launch->packer, err) != 0)
			return -1;
	if (packer_flush(&launch->packer, err) != 0)
		return -1;
	return observe_summarize(launch->observe, &launch->output, err);
}

static int run(struct launch *launch, struct vmfee_error *err)
{
	clock_gettime(CLOCK_MONOTONIC, &launch->deadline);
	launch->deadline.tv_sec += launch->options.timeout;
	launch->ended = "guest-stopped";
	vcpu_go(&launch->vcpu);
	int failed = watch(launch, err);
	if (failed) {
		output_hurry();
		vcpu_stop(&launch->vcpu);
	}
	vcpu_join(&launch->vcpu);
	/* The guest's last line may lack its end; what follows is the launcher's. */
	if (!launch->options.bare)
		ports_end_line(&launch->ports);
	/* What the guest published before it was stopped is as good as the rest. */
	if (launch->vcpu.err.status == VMFEE_OK && finish_traces(launch, err) != 0)
		failed = -1;
	if (sink_close(&launch->observe_sink, err) != 0 || sink_close(&launch->sink, err) != 0 ||
	    failed)
		return -1;
	return judge(launch, err);
}

static void complain(const struct launch *launch, const struct vmfee_error *err)
{
	struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};

	/* A reader that takes nothing does not keep the launcher. */
	if (poll(&reader, 1, COMPLAIN_MS) != 0)
		fprintf(stderr, "l1vmm-launch: %s\n", err->text);
	if (launch->options.ports)
		output_line(&launch->output, "l1vmm-launch: %s", err->text);
}

int main(int argc, char **argv)
{
	static struct launch launch;
	struct vmfee_error err = {0};

	launch_options_parse(&launch.options, argc, argv);
	launch.machine = MACHINE_NONE;
	launch.ended = "refused";
	int failed = prepare(&launch, &err) != 0 || run(&launch, &err) != 0;
	if (failed)
		complain(&launch, &err);
	if (launch.output.write != NULL)
		output_line(&launch.output, "@end image=kvm status=%s",
			    failed ? launch.ended : "ok");
	if (!failed && output_check(&err) != 0)
		complain(&launch, &err);
	observe_close(launch.observe);
	drain_free(&launch.drain);
	machine_close(&launch.machine);
	if (launch.options.ports)
		output_shutdown();
	return err.status;
}
