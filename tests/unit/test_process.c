#include "bench/process.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/bench_rig.h"

static char folder[PATH_MAX];

static void set_up(void)
{
	rig_folder(folder);
}

static void tear_down(void)
{
	rundir_remove_tree(folder);
}

TestSuite(process, .init = set_up, .fini = tear_down);

static int start(struct process *process, char *script, struct vmfee_error *err)
{
	char variable[] = "L1VMM_WORD=word";
	char *argv[] = {"/bin/sh", "-c", script, NULL};
	struct process_command command = {.argv = argv,
					  .variable = variable,
					  .folder = folder,
					  .errors = "stderr",
					  .missing = VMFEE_PLATFORM};

	return process_start(process, &command, err);
}

/* What comes on stdout until it ends. */
static void read_all(const struct process *process, char *text, size_t size)
{
	size_t used = 0;

	for (;;) {
		struct pollfd waiting = {.fd = process->out, .events = POLLIN};
		poll(&waiting, 1, -1);
		ssize_t got = read(process->out, text + used, size - 1 - used);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	text[used] = '\0';
}

Test(process, it_gets_its_folder_its_variable_and_three_streams)
{
	struct vmfee_error err = {0};
	struct process process;
	char path[PATH_MAX + 64];
	char text[PATH_MAX + 64];
	char wanted[PATH_MAX + 64];

	cr_assert_eq(start(&process, "pwd; echo $L1VMM_WORD; cat; echo oops >&2; exit 3", &err), 0,
		     "%s", err.text);
	read_all(&process, text, sizeof(text));
	snprintf(wanted, sizeof(wanted), "%s\nword\n", folder);
	cr_expect_str_eq(text, wanted);
	int status = process_wait(&process);
	cr_expect(WIFEXITED(status));
	cr_expect_eq(WEXITSTATUS(status), 3);
	cr_expect_eq(process.pid, 0);

	snprintf(path, sizeof(path), "%s/stderr", folder);
	char *errors = rig_read(path);
	cr_expect_str_eq(errors, "oops\n");
	free(errors);
}

Test(process, a_terminal_passes_every_byte_as_it_is)
{
	struct vmfee_error err = {0};
	struct process process;
	char text[64];
	char *argv[] = {"/bin/sh", "-c", "test -t 1 && printf 'a\\r\\n\\003\\004\\tb\\n'", NULL};
	struct process_command command = {.argv = argv,
					  .folder = folder,
					  .errors = "stderr",
					  .missing = VMFEE_PLATFORM,
					  .terminal = true};

	cr_assert_eq(process_start(&process, &command, &err), 0, "%s", err.text);
	read_all(&process, text, sizeof(text));
	cr_expect_str_eq(text, "a\r\n\003\004\tb\n");
	cr_expect_eq(process_wait(&process), 0);
}

Test(process, a_program_that_is_missing_says_so)
{
	struct vmfee_error err = {0};
	struct process process;
	char *argv[] = {"/nowhere/bochs", NULL};
	struct process_command command = {
		.argv = argv, .folder = folder, .errors = "stderr", .missing = VMFEE_PLATFORM};

	cr_expect_eq(process_start(&process, &command, &err), -1);
	cr_expect_eq(err.status, VMFEE_PLATFORM);
	cr_expect_str_eq(err.text, "cannot run /nowhere/bochs: No such file or directory");
	cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1, "no child is left");
	process_kill(&process);

	err = (struct vmfee_error){0};
	command.folder = "/nowhere";
	argv[0] = "true";
	cr_expect_eq(process_start(&process, &command, &err), -1);
}

/* The process id that a script printed has no process any more, or a zombie at most. */
static bool gone(pid_t pid)
{
	for (int i = 0; i < 200; i++) {
		char path[64];
		char state = 'X';
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		FILE *file = fopen(path, "r");
		if (file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = 'X';
		if (file != NULL)
			fclose(file);
		if (state == 'X' || state == 'Z')
			return true;
		usleep(10000);
	}
	return false;
}

Test(process, killing_ends_the_whole_group)
{
	struct vmfee_error err = {0};
	struct process process;
	char text[64] = "";

	cr_assert_eq(start(&process, "trap '' TERM INT HUP; sleep 1000 & echo $!; wait", &err), 0);
	struct pollfd waiting = {.fd = process.out, .events = POLLIN};
	cr_assert_eq(poll(&waiting, 1, 10000), 1);
	cr_assert_gt(read(process.out, text, sizeof(text) - 1), 0);
	pid_t leader = process.pid;
	process_kill(&process);
	cr_expect(gone(leader));
	cr_expect(gone(atoi(text)));
	process_kill(&process);
}

Test(process, what_outlives_the_leader_ends_with_the_wait)
{
	struct vmfee_error err = {0};
	struct process process;
	char text[64] = "";

	cr_assert_eq(start(&process, "sleep 1000 >/dev/null & echo $!", &err), 0);
	read_all(&process, text, sizeof(text));
	process_wait(&process);
	cr_expect(gone(atoi(text)));
}

Test(process, it_dies_with_its_parent)
{
	int told[2];
	char text[64] = "";

	cr_assert_eq(pipe(told), 0);
	pid_t parent = fork();
	if (parent == 0) {
		struct vmfee_error err = {0};
		struct process process;
		start(&process, "exec sleep 1000", &err);
		dprintf(told[1], "%d", process.pid);
		kill(getpid(), SIGKILL);
	}
	waitpid(parent, NULL, 0);
	cr_assert_gt(read(told[0], text, sizeof(text) - 1), 0);
	cr_expect(gone(atoi(text)));
	close(told[0]);
	close(told[1]);
}
