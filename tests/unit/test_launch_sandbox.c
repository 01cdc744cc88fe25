#include "bench/launcher/sandbox.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Enters the sandbox in a child, which then tries something and leaves with its result; the wait
 * status.  A sanitizer's runtime acts before each call that does not return, _exit() among them,
 * by system calls that the sandbox does not allow.
 */
static int in_sandbox(int (*attempt)(void))
{
	int status;
	pid_t child = fork();

	cr_assert_geq(child, 0);
	if (child == 0) {
		struct vmfee_error err = {0};
		syscall(SYS_exit_group, sandbox_enter(&err) != 0 ? 99 : attempt());
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return status;
}

static int write_something(void)
{
	return write(STDOUT_FILENO, "", 0) == 0 ? 0 : 1;
}

static int open_file(void)
{
	return open("/dev/null", O_RDONLY) >= 0 ? 1 : 2;
}

static int become_another(void)
{
	return fork() >= 0 ? 1 : 2;
}

static int become_root(void)
{
	return setuid(0) == 0 ? 1 : 2;
}

static int call_as_32_bit(void)
{
	int result;

	/* Number 1 is exit there, and write here. */
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(1), "b"(55) : "memory");
	return result;
}

static int bpf(int command)
{
	union bpf_attr attributes = {0};

	return (int)syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

/* No map is open, so that there is none to read; but to ask for one is no crime. */
static int read_map(void)
{
	return bpf(BPF_MAP_LOOKUP_ELEM) == 0 ? 1 : 0;
}

static int make_map(void)
{
	return bpf(BPF_MAP_CREATE) >= 0 ? 1 : 2;
}

Test(launch_sandbox, what_a_guest_needs_goes_on)
{
	cr_expect_eq(in_sandbox(write_something), 0);
	cr_expect_eq(in_sandbox(read_map), 0);
}

Test(launch_sandbox, all_else_kills)
{
	int (*const attempts[])(void) = {open_file, become_another, become_root, make_map,
					 call_as_32_bit};

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		int status = in_sandbox(attempts[i]);
		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
			  "attempt %zu: status %#x", i, (unsigned)status);
	}
}
