#include "bench/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/*
 * In the child.  Only returns, with errno, when something failed.
 */
static void become(const struct process_command *command, int out, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return;
	/* A parent that died before the call above sends nothing any more. */
	if (getppid() != parent) {
		errno = ECHILD;
		return;
	}
	if (chdir(command->folder) != 0)
		return;
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int error = open(command->errors, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (in < 0 || error < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(error, STDERR_FILENO) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0)
		return;
	if (command->variable != NULL && putenv(command->variable) != 0)
		return;
	execvp(command->argv[0], command->argv);
}

/* The errno that kept the child from becoming the program; 0 once it has. */
static int child_errno(int report)
{
	int number = 0;
	ssize_t got;

	do
		got = read(report, &number, sizeof(number));
	while (got < 0 && errno == EINTR);
	return got == sizeof(number) ? number : 0;
}

/* The two ends of what will be the child's stdout: ends[0] reads what ends[1] writes. */
static int open_stdout(int ends[2], bool terminal)
{
	struct termios settings;

	if (!terminal)
		return pipe2(ends, O_CLOEXEC);
	if (openpty(&ends[0], &ends[1], NULL, NULL, NULL) != 0)
		return -1;
	if (fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0 &&
	    tcgetattr(ends[1], &settings) == 0) {
		cfmakeraw(&settings);
		if (tcsetattr(ends[1], TCSANOW, &settings) == 0)
			return 0;
	}
	close(ends[0]);
	close(ends[1]);
	return -1;
}

int process_start(struct process *process, const struct process_command *command,
		  struct vmfee_error *err)
{
	int out[2];
	int report[2];
	pid_t parent = getpid();

	*process = PROCESS_NONE;
	if (open_stdout(out, command->terminal) != 0)
		return vmfee_fail_errno(err, "cannot take the output of %s", command->argv[0]);
	if (pipe2(report, O_CLOEXEC) != 0) {
		vmfee_fail_errno(err, "pipe");
		close(out[0]);
		close(out[1]);
		return -1;
	}

	pid_t pid = fork();
	if (pid == 0) {
		become(command, out[1], parent);
		int number = errno;
		ssize_t told = write(report[1], &number, sizeof(number));
		_exit(told == sizeof(number) ? 127 : 126);
	}
	int fork_errno = errno;
	close(out[1]);
	close(report[1]);
	int number = pid < 0 ? fork_errno : child_errno(report[0]);
	close(report[0]);
	if (number == 0 && fcntl(out[0], F_SETFL, O_NONBLOCK) == 0) {
		*process = (struct process){.pid = pid, .out = out[0]};
		return 0;
	}

	if (number == 0)
		number = errno;
	close(out[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	errno = number;
	if (number == ENOENT || number == EACCES || number == ENOEXEC || number == ENOTDIR)
		return vmfee_fail(err, command->missing, "cannot run %s: %s", command->argv[0],
				  strerror(number));
	return vmfee_fail_errno(err, "cannot run %s", command->argv[0]);
}

int process_wait(struct process *process)
{
	int status = 0;

	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
		;
	/* What the leader of the group left behind ends with it. */
	kill(-process->pid, SIGKILL);
	close(process->out);
	*process = PROCESS_NONE;
	return status;
}

void process_end(const struct process *process)
{
	kill(-process->pid, SIGKILL);
}

void process_kill(struct process *process)
{
	if (process->pid == 0)
		return;
	process_end(process);
	process_wait(process);
}
