#include "bench/launcher/sandbox.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Enters the sandbox in a child, which then tries something; its wait status. */
static int in_sandbox(void (*attempt)(void))
{
	int status;
	pid_t child = fork();

	cr_assert_geq(child, 0);
	if (child == 0) {
		struct vmfee_error err = {0};
		if (sandbox_enter(&err) != 0)
			_exit(99);
		attempt();
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return status;
}

static void write_something(void)
{
	if (write(STDOUT_FILENO, "", 0) != 0)
		_exit(1);
}

static void open_file(void)
{
	_exit(open("/dev/null", O_RDONLY) >= 0 ? 1 : 2);
}

static void become_another(void)
{
	_exit(fork() >= 0 ? 1 : 2);
}

static void become_root(void)
{
	_exit(setuid(0) == 0 ? 1 : 2);
}

static void call_as_32_bit(void)
{
	int result;

	/* Number 1 is exit there, and write here. */
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(1), "b"(55) : "memory");
	_exit(result);
}

static int bpf(int command)
{
	union bpf_attr attributes = {0};

	return (int)syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

/* No map is open, so that there is none to read; but to ask for one is no crime. */
static void read_map(void)
{
	if (bpf(BPF_MAP_LOOKUP_ELEM) == 0)
		_exit(1);
}

static void make_map(void)
{
	_exit(bpf(BPF_MAP_CREATE) >= 0 ? 1 : 2);
}

Test(launch_sandbox, what_a_guest_needs_goes_on)
{
	cr_expect_eq(in_sandbox(write_something), 0);
	cr_expect_eq(in_sandbox(read_map), 0);
}

Test(launch_sandbox, all_else_kills)
{
	void (*const attempts[])(void) = {open_file, become_another, become_root, make_map,
					  call_as_32_bit};

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		int status = in_sandbox(attempts[i]);
		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
			  "attempt %zu: status %#x", i, (unsigned)status);
	}
}
