/*
 * Child processes.  Each one leads a process group of its own, so that whatever it starts and
 * leaves in the group can be ended with it.  It dies with vmfee, however vmfee dies; what it
 * started itself does so only where vmfee ends it.
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include "bench/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct process {
	pid_t pid; /* 0: none */
	int out;   /* reading end of its stdout, not blocking; -1: none.  Ends in EOF or EIO. */
};

#define PROCESS_NONE ((struct process){.pid = 0, .out = -1})

struct process_command {
	char *const *argv;	   /* argv[0] is a path, or is looked up in $PATH */
	char *variable;		   /* NAME=value for its environment, or NULL */
	const char *folder;	   /* its working directory */
	const char *errors;	   /* the file that takes its stderr, relative to folder */
	enum vmfee_status missing; /* what it means that it cannot be executed */
	bool terminal; /* its stdout is a raw terminal, so that libc flushes every line */
};

/*
 * Starts a command with /dev/null as its stdin.  Returns 0, or -1 with an error.
 */
int process_start(struct process *process, const struct process_command *command,
		  struct vmfee_error *err);

/* Waits for its end and returns its wait status.  Closes `out`. */
int process_wait(struct process *process);

/* Kills the whole group; `out` ends soon after. */
void process_end(const struct process *process);

/* Kills the whole group, if there is one, and waits for its end. */
void process_kill(struct process *process);

#endif
