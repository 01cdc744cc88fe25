#include "bench/slurm.h"
#include "bench/cell_file.h"
#include "bench/process.h"
#include "bench/rundir.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SCRIPT "job.sh"
#define ERRORS "sbatch.stderr"

/* How often the folders are looked at, and how long tasks that are cancelled have for their end. */
enum { LOOK_MS = 500, CANCEL_SECONDS = 60 };

struct submission {
	struct cells *cells;
	const struct slurm_job *job;
	struct vmfee_error *err;
	char folder[PATH_MAX]; /* SLURM_FOLDER */
	char script[PATH_MAX];
	unsigned tasks;
	struct cell *task[EXPERIMENT_MAX_STACKS];
	bool ended[EXPERIMENT_MAX_STACKS];
	struct process sbatch;
	char id[32];	 /* slurm's of the job; empty until it has one */
	bool identified; /* the whole of it has come */
};

/* A word for the shell, whatever is in it. */
static void quote(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text != '\0'; text++)
		if (*text == '\'')
			fputs("'\\''", out);
		else
			fputc(*text, out);
	fputc('\'', out);
}

static void write_lines(const struct submission *submission, const char *program, FILE *out)
{
	const struct slurm_job *job = submission->job;

	fputs("#!/bin/bash\n# One task of an array job for each cell of a run.\ncells=(", out);
	for (unsigned i = 0; i < submission->tasks; i++)
		fprintf(out, "%s%s", i == 0 ? "" : " ", submission->task[i]->stack->name);
	fputs(")\ncell=${cells[SLURM_ARRAY_TASK_ID]}\nexec ", out);
	quote(out, program);
	fputs(" run", out);
	for (size_t i = 0; i < job->count; i++) {
		fputc(' ', out);
		quote(out, job->options[i]);
	}
	fputs(" --cell=", out);
	quote(out, job->run);
	fputs("/\"$cell\" ", out);
	quote(out, job->experiment);
	fputs(" >", out);
	quote(out, submission->folder);
	fputs("/\"$cell\".log 2>&1\n", out);
}

static int write_script(struct submission *submission)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (length < 0)
		return vmfee_fail_errno(submission->err, "/proc/self/exe");
	program[length] = '\0';
	FILE *file = fopen(submission->script, "we");
	if (file == NULL)
		return vmfee_fail_errno(submission->err, "%s", submission->script);
	write_lines(submission, program, file);
	int failed = ferror(file) || fflush(file) != 0;
	if (failed)
		vmfee_fail_errno(submission->err, "%s", submission->script);
	fclose(file);
	return failed ? -1 : 0;
}

static int prepare(struct submission *submission)
{
	struct cells *cells = submission->cells;

	if (project_path(submission->folder, submission->job->run, SLURM_FOLDER, "",
			 submission->err) != 0)
		return -1;
	rundir_remove_tree(submission->folder);
	if (mkdir(submission->folder, 0777) != 0)
		return vmfee_fail_errno(submission->err, "%s", submission->folder);
	for (unsigned i = 0; i < cells->count; i++)
		if (!cells->cell[i].whole)
			submission->task[submission->tasks++] = &cells->cell[i];
	return project_path(submission->script, submission->folder, SCRIPT, "", submission->err) !=
			       0
		       ? -1
		       : write_script(submission);
}

/* sbatch stays until the job has ended; what else it should ask of slurm is in its environment. */
static int submit(struct submission *submission)
{
	const struct slurm_job *job = submission->job;
	char program[] = "sbatch";
	char parsable[] = "--parsable";
	char wait[] = "--wait";
	char output[] = "--output=/dev/null";
	char exclusive[] = "--exclusive";
	char name[STACK_MAX_NAME + 32];
	char array[64];
	char *argv[9];
	size_t count = 0;
	const struct process_command command = {.argv = argv,
						.folder = submission->folder,
						.errors = ERRORS,
						.missing = VMFEE_PLATFORM,
						.terminal = true};

	snprintf(name, sizeof(name), "--job-name=vmfee-%s", submission->cells->experiment->name);
	int used = snprintf(array, sizeof(array), "--array=0-%u", submission->tasks - 1);
	if (job->limit > 0)
		snprintf(array + used, sizeof(array) - (size_t)used, "%%%u", job->limit);
	char *const words[] = {program, parsable, wait, output, name, array};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		argv[count++] = words[i];
	if (job->exclusive)
		argv[count++] = exclusive;
	argv[count++] = submission->script;
	argv[count] = NULL;
	return process_start(&submission->sbatch, &command, submission->err);
}

/* What sbatch says on stdout is the job's number.  Returns false at its end. */
static bool take_id(struct submission *submission)
{
	char bytes[64];
	ssize_t got = read(submission->sbatch.out, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < got && !submission->identified; i++) {
		size_t length = strlen(submission->id);
		if (isdigit((unsigned char)bytes[i]) && length + 1 < sizeof(submission->id))
			submission->id[length] = bytes[i];
		else
			submission->identified = true; /* a cluster's name may follow */
	}
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* What came of a task is in the folder of its cell. */
static void collect(const struct submission *submission, struct cell *cell)
{
	struct vmfee_error why = {0};

	if (cell_load(cell, &why)) {
		progress_done(submission->cells->progress, cell);
		return;
	}
	if (!cell_load_failure(cell))
		cell->failure = why;
	if (cell->failure.status == VMFEE_OK)
		vmfee_fail(&cell->failure, VMFEE_SYSTEM,
			   "its task ended without a result: cancelled, out of time or memory, or "
			   "its machine is lost");
	progress_failed(submission->cells->progress, cell);
}

/* Collects tasks that have ended.  Returns whether all have. */
static bool look(struct submission *submission)
{
	unsigned ended = 0;

	for (unsigned i = 0; i < submission->tasks; i++) {
		if (!submission->ended[i] && cell_has_ended(submission->task[i])) {
			submission->ended[i] = true;
			collect(submission, submission->task[i]);
		}
		ended += submission->ended[i];
	}
	return ended == submission->tasks;
}

/* Waits until all tasks have ended, or sbatch says that the job has. */
static int wait_for_job(struct submission *submission)
{
	const struct interrupts *interrupts = submission->cells->interrupts;
	struct pollfd waiting[] = {
		{.fd = interrupts->descriptor, .events = POLLIN},
		{.fd = submission->sbatch.out, .events = POLLIN},
	};
	bool goes_on = true;

	while (goes_on && !look(submission)) {
		if (poll(waiting, 2, LOOK_MS) < 0 && errno != EINTR)
			return vmfee_fail_errno(submission->err, "poll");
		if (interrupts_check(interrupts, submission->err) != 0)
			return -1;
		if (waiting[1].revents != 0)
			goes_on = take_id(submission);
	}
	return 0;
}

static void cancel(struct submission *submission)
{
	char program[] = "scancel";
	char *argv[] = {program, submission->id, NULL};
	const struct process_command command = {.argv = argv,
						.folder = submission->folder,
						.errors = "scancel.stderr",
						.missing = VMFEE_PLATFORM};
	struct pollfd waiting = {.fd = submission->sbatch.out, .events = POLLIN};
	struct vmfee_error ignored = {0};
	struct process scancel;
	struct timespec now;

	if (submission->id[0] == '\0' || process_start(&scancel, &command, &ignored) != 0)
		return;
	process_wait(&scancel);
	clock_gettime(CLOCK_MONOTONIC, &now);
	time_t end = now.tv_sec + CANCEL_SECONDS;
	while (now.tv_sec < end && (poll(&waiting, 1, LOOK_MS) <= 0 || take_id(submission)))
		clock_gettime(CLOCK_MONOTONIC, &now);
}

/* A job that slurm never took: the first thing that sbatch said tells why. */
static int refused(const struct submission *submission)
{
	char path[PATH_MAX];
	char line[256] = "";

	if (project_path(path, submission->folder, ERRORS, "", submission->err) != 0)
		return -1;
	FILE *file = fopen(path, "re");
	if (file != NULL) {
		if (fgets(line, sizeof(line), file) != NULL)
			line[strcspn(line, "\n")] = '\0';
		fclose(file);
	}
	return vmfee_fail(submission->err, VMFEE_PLATFORM, "slurm did not take the job: %s",
			  line[0] == '\0' ? "sbatch does not say why" : line);
}

int slurm_run(struct cells *cells, const struct slurm_job *job, struct vmfee_error *err)
{
	struct submission submission = {
		.cells = cells, .job = job, .err = err, .sbatch = PROCESS_NONE};

	if (cells_whole(cells) == cells->count)
		return 0;
	if (prepare(&submission) != 0 || submit(&submission) != 0)
		return -1;
	int failed = wait_for_job(&submission);
	if (failed)
		cancel(&submission);
	process_kill(&submission.sbatch);
	if (!failed && submission.id[0] == '\0')
		return refused(&submission);
	/* Those that have ended meanwhile, and those that never will. */
	look(&submission);
	for (unsigned i = 0; !failed && i < submission.tasks; i++)
		if (!submission.ended[i])
			collect(&submission, submission.task[i]);
	return failed;
}
