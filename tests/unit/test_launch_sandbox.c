#include "bench/launcher/sandbox.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
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
		syscall(SYS_exit_group,
			sandbox_drop_privileges(&err) != 0 || sandbox_enter(&err) != 0 ? 99
										       : attempt());
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

/* Commands for the shell that has started the launcher. */
static int type_into_terminal(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "\n") == 0 ? 1 : 2;
}

static int make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
			       MAP_FAILED
		       ? 1
		       : 2;
}

static _Alignas(4096) char page[4096];

static int turn_data_into_code(void)
{
	return mprotect(page, sizeof(page), PROT_READ | PROT_WRITE | PROT_EXEC) == 0 ? 1 : 2;
}

/* Another user's launcher runs as the same nobody. */
static int signal_another_process(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0 ? 1 : 2;
}

static int signal_itself(void)
{
	return syscall(SYS_tgkill, getpid(), getpid(), 0) == 0 ? 0 : 1;
}

static int take_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
			       MAP_FAILED
		       ? 0
		       : 1;
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
	cr_expect_eq(in_sandbox(signal_itself), 0);
	cr_expect_eq(in_sandbox(take_memory), 0);
}

Test(launch_sandbox, all_else_kills)
{
	int (*const attempts[])(void) = {open_file, become_another,	 become_root,
					 make_map,  call_as_32_bit,	 type_into_terminal,
					 make_code, turn_data_into_code, signal_another_process};

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		int status = in_sandbox(attempts[i]);
		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
			  "attempt %zu: status %#x", i, (unsigned)status);
	}
}
