#include "bench/launcher/vcpu.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Interrupts KVM_RUN; nothing is to be done. */
static void kicked(int number)
{
	(void)number;
}

static bool end(struct vcpu *vcpu, enum vcpu_end how)
{
	vcpu->end = how;
	return false;
}

static bool broken(struct vcpu *vcpu, const char *what, uint64_t number)
{
	vmfee_fail(&vcpu->err, VMFEE_SYSTEM, "KVM gave up: %s %#llx", what,
		   (unsigned long long)number);
	return end(vcpu, VCPU_BROKEN);
}

static bool handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->machine->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	if (run->io.direction == KVM_EXIT_IO_IN) {
		ports_read(run->io.port, run->io.size, data, run->io.count);
		return true;
	}
	switch (ports_write(vcpu->ports, run->io.port, run->io.size, data, run->io.count)) {
	case PORTS_LINE:
		if (vcpu->between_lines != NULL && vcpu->between_lines(vcpu->ctx, &vcpu->err) != 0)
			return end(vcpu, VCPU_STOPPED);
		return true;
	case PORTS_POWEROFF:
		return end(vcpu, VCPU_POWEROFF);
	case PORTS_BAD_POWEROFF:
		return end(vcpu, VCPU_BAD_POWEROFF);
	case PORTS_GO_ON:
		break;
	}
	return true;
}

/* Whether the guest goes on. */
static bool handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->machine->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		return handle_io(vcpu);
	case KVM_EXIT_MMIO:
		/* Nobody drives the bus. */
		if (!run->mmio.is_write)
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		return true;
	case KVM_EXIT_SHUTDOWN:
		return end(vcpu, VCPU_TRIPLE_FAULT);
	case KVM_EXIT_INTR:
		return true;
	case KVM_EXIT_FAIL_ENTRY:
		return broken(vcpu, "the entry failed, reason",
			      run->fail_entry.hardware_entry_failure_reason);
	case KVM_EXIT_INTERNAL_ERROR:
		/* Of code where no memory is, say: the guest's doing. */
		if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
			return end(vcpu, VCPU_NOT_EMULATED);
		return broken(vcpu, "internal error", run->internal.suberror);
	default:
		return broken(vcpu, "exit", run->exit_reason);
	}
}

static void run_guest(struct vcpu *vcpu)
{
	while (!atomic_load(&vcpu->stop)) {
		if (ioctl(vcpu->machine->vcpu, KVM_RUN, NULL) == 0) {
			if (!handle_exit(vcpu))
				return;
		} else if (errno != EINTR && errno != EAGAIN) {
			vmfee_fail_errno(&vcpu->err, "KVM: KVM_RUN");
			end(vcpu, VCPU_BROKEN);
			return;
		}
	}
}

static void *vcpu_main(void *argument)
{
	struct vcpu *vcpu = argument;
	const uint64_t one = 1;
	struct kvm_regs regs = {.rip = 0};

	pthread_barrier_wait(&vcpu->start); /* vcpu_start() */
	pthread_barrier_wait(&vcpu->start); /* vcpu_go() */
	vcpu->end = VCPU_STOPPED;
	run_guest(vcpu);
	if (ioctl(vcpu->machine->vcpu, KVM_GET_REGS, &regs) == 0)
		vcpu->rip = regs.rip;
	while (write(vcpu->done, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

int vcpu_start(struct vcpu *vcpu, struct vmfee_error *err)
{
	const struct sigaction action = {.sa_handler = kicked};
	cpu_set_t processors;

	CPU_ZERO(&processors);
	CPU_SET((size_t)vcpu->processor, &processors);
	sigaction(SIGUSR1, &action, NULL);
	errno = pthread_barrier_init(&vcpu->start, NULL, 2);
	if (errno == 0)
		errno = pthread_create(&vcpu->thread, NULL, vcpu_main, vcpu);
	if (errno != 0)
		return vmfee_fail_errno(err, "the vCPU's thread");
	errno = pthread_setaffinity_np(vcpu->thread, sizeof(processors), &processors);
	if (errno != 0)
		return vmfee_fail_errno(err, "cannot pin the vCPU to processor %d",
					vcpu->processor);
	/* A thread begins by system calls that the sandbox, soon to be entered, does not allow. */
	pthread_barrier_wait(&vcpu->start);
	return 0;
}

void vcpu_go(struct vcpu *vcpu)
{
	pthread_barrier_wait(&vcpu->start);
}

void vcpu_stop(struct vcpu *vcpu)
{
	atomic_store(&vcpu->stop, true);
	/* Also between the look at `stop` and KVM_RUN. */
	vcpu->machine->run->immediate_exit = 1;
	pthread_kill(vcpu->thread, SIGUSR1);
}

void vcpu_join(struct vcpu *vcpu)
{
	pthread_join(vcpu->thread, NULL);
}
