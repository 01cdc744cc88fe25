#include "bench/launcher/sandbox.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
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

Test(launch_sandbox, what_a_guest_needs_goes_on)
{
	cr_expect_eq(in_sandbox(write_something), 0);
}

Test(launch_sandbox, all_else_kills)
{
	void (*const attempts[])(void) = {open_file, become_another, become_root, call_as_32_bit};

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		int status = in_sandbox(attempts[i]);
		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
			  "attempt %zu: status %#x", i, (unsigned)status);
	}
}
