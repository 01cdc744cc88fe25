#include "bench/cells.h"
#include "bench/cell_file.h"
#include "bench/copy.h"
#include "bench/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often the clock is looked at while no machine has anything to say. */
enum { TICK_MS = 500 };

int cells_prepare(struct cells *cells, const struct project *project, const char *run,
		  struct vmfee_error *err)
{
	const struct experiment *experiment = cells->experiment;

	cells->cell = calloc(experiment->stacks, sizeof(cells->cell[0]));
	if (cells->cell == NULL)
		return vmfee_fail_errno(err, "cells of %s", experiment->name);
	while (cells->count < experiment->stacks) {
		unsigned i = cells->count++;
		if (cell_prepare(&cells->cell[i], project, experiment, &experiment->stack[i], run,
				 err) != 0)
			return -1;
	}
	return 0;
}

/* Brings the folder of a cell from another run, where this one has none. */
static int bring(const struct cell *cell, const char *from, struct vmfee_error *err)
{
	char path[PATH_MAX];

	if (project_path(path, from, cell->stack->name, "", err) != 0)
		return -1;
	if (access(cell->folder, F_OK) == 0 || access(path, F_OK) != 0)
		return 0;
	return copy_tree(path, cell->folder, err);
}

/* Makes a cell anew whose folder was no good. */
static int start_over(struct cell *cell, struct vmfee_error *err)
{
	char run[PATH_MAX];

	memcpy(run, cell->folder, sizeof(run));
	*strrchr(run, '/') = '\0';
	rundir_remove_tree(cell->folder);
	cell_free(cell);
	return cell_prepare(cell, cell->project, cell->experiment, cell->stack, run, err);
}

/* Removes what is no cell's of this run: everything else is made anew, or nobody's any more. */
static void tidy(const struct cells *cells, const char *run)
{
	struct dirent **entries;
	int count = scandir(run, &entries, NULL, NULL);

	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		char path[PATH_MAX];
		struct vmfee_error ignored = {0};
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		    experiment_stack(cells->experiment, name) == NULL &&
		    project_path(path, run, name, "", &ignored) == 0)
			rundir_remove_tree(path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

int cells_load(struct cells *cells, const char *run, const char *from, struct vmfee_error *err)
{
	tidy(cells, run);
	for (unsigned i = 0; i < cells->count; i++) {
		struct cell *cell = &cells->cell[i];
		struct vmfee_error why = {0};
		if (from != NULL && bring(cell, from, err) != 0)
			return -1;
		if (cell_load(cell, &why)) {
			progress_kept(cells->progress, cell);
			continue;
		}
		if (cell_is_busy(cell))
			return vmfee_fail(err, VMFEE_SYSTEM,
					  "another vmfee is at the stack %s, such as a task of an "
					  "earlier job: wait for it, or cancel it",
					  cell->stack->name);
		if (why.status != VMFEE_OK)
			progress_again(cells->progress, cell, &why);
		if (start_over(cell, err) != 0)
			return -1;
	}
	return 0;
}

/* Whether what failed is no matter of one stack: any other would fail as well. */
static bool concerns_all(const struct vmfee_error *err)
{
	return err->status == VMFEE_PLATFORM || err->status == VMFEE_DISK ||
	       err->status == VMFEE_INTERRUPTED;
}

/* Ends a cell that has failed.  Returns 0 where the others can go on. */
static int fail(struct cells *cells, struct cell *cell, struct vmfee_error *err)
{
	cell_stop(cell);
	/* What ends vmfee may have ended the machine before. */
	if (interrupts_check(cells->interrupts, err) != 0)
		return -1;
	if (concerns_all(&cell->failure)) {
		vmfee_fail(err, cell->failure.status, "%s", cell->failure.text);
		return vmfee_prefix(err, "stack %s", cell->stack->name);
	}
	progress_failed(cells->progress, cell);
	return 0;
}

static bool waits(const struct cell *cell)
{
	return !cell->whole && !cell->running && cell->failure.status == VMFEE_OK;
}

/* Boots stacks as long as there are some left and machines may be added. */
static int start_cells(struct cells *cells, struct vmfee_error *err)
{
	unsigned running = 0;

	for (unsigned i = 0; i < cells->count; i++)
		running += cells->cell[i].running;
	for (unsigned i = 0; i < cells->count && running < cells->jobs; i++) {
		struct cell *cell = &cells->cell[i];
		if (!waits(cell))
			continue;
		progress_started(cells->progress, cell->stack);
		if (cell_start(cell, &cell->failure) == 0)
			running++;
		else if (fail(cells, cell, err) != 0)
			return -1;
	}
	return 0;
}

/* Takes what a machine has said; `silent` where it was only the clock. */
static int serve_cell(struct cells *cells, struct cell *cell, bool silent, struct vmfee_error *err)
{
	int more = silent ? 1 : cell_take(cell, &cell->failure);

	if (more == 0 && cell_finish(cell, &cell->failure) == 0) {
		progress_done(cells->progress, cell);
		return 0;
	}
	if (more > 0 && cell_check_deadline(cell, &cell->failure) == 0)
		return 0;
	return fail(cells, cell, err);
}

/* Waits until a machine says something or a signal comes, and deals with it. */
static int serve_cells(struct cells *cells, struct vmfee_error *err)
{
	struct pollfd waiting[EXPERIMENT_MAX_STACKS + 1];
	struct cell *cell[EXPERIMENT_MAX_STACKS];
	nfds_t count = 0;

	for (unsigned i = 0; i < cells->count; i++) {
		if (!cells->cell[i].running)
			continue;
		cell[count] = &cells->cell[i];
		waiting[count++] =
			(struct pollfd){.fd = cell_descriptor(&cells->cell[i]), .events = POLLIN};
	}
	waiting[count] = (struct pollfd){.fd = cells->interrupts->descriptor, .events = POLLIN};
	if (poll(waiting, count + 1, TICK_MS) < 0 && errno != EINTR)
		return vmfee_fail_errno(err, "poll");
	if (interrupts_check(cells->interrupts, err) != 0)
		return -1;
	for (nfds_t i = 0; i < count; i++)
		if (serve_cell(cells, cell[i], waiting[i].revents == 0, err) != 0)
			return -1;
	return 0;
}

/* Those that have ended, well or not. */
static unsigned ended(const struct cells *cells)
{
	unsigned count = 0;

	for (unsigned i = 0; i < cells->count; i++)
		count += cells->cell[i].whole || cells->cell[i].failure.status != VMFEE_OK;
	return count;
}

int cells_run(struct cells *cells, struct vmfee_error *err)
{
	while (ended(cells) < cells->count) {
		if (start_cells(cells, err) != 0)
			return -1;
		if (ended(cells) < cells->count && serve_cells(cells, err) != 0)
			return -1;
		progress_show(cells->progress, cells->cell, cells->count, ended(cells),
			      cells->count);
	}
	return 0;
}

unsigned cells_whole(const struct cells *cells)
{
	unsigned whole = 0;

	for (unsigned i = 0; i < cells->count; i++)
		whole += cells->cell[i].whole;
	return whole;
}

int cells_judge(const struct cells *cells, const char *where, struct vmfee_error *err)
{
	const struct cell *first = NULL;
	unsigned failed = 0;

	for (unsigned i = 0; i < cells->count; i++) {
		const struct cell *cell = &cells->cell[i];
		if (cell->failure.status == VMFEE_OK)
			continue;
		if (failed++ == 0)
			first = cell;
	}
	if (failed == 0)
		return 0;
	vmfee_fail(err, first->failure.status, "%s", first->failure.text);
	vmfee_prefix(err, "stack %s", first->stack->name);
	if (cell_tells(first))
		vmfee_suffix(err, "; see %s/%s/console.log", where, first->stack->name);
	if (failed > 1)
		vmfee_suffix(err, "; %u more of %u stacks failed", failed - 1, cells->count);
	return -1;
}

void cells_free(struct cells *cells)
{
	for (unsigned i = 0; i < cells->count; i++)
		cell_free(&cells->cell[i]);
	free(cells->cell);
}
