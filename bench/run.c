#include "bench/run.h"
#include "bench/cell.h"
#include "bench/html.h"
#include "bench/interrupt.h"
#include "bench/manifest.h"
#include "bench/plot.h"
#include "bench/progress.h"
#include "bench/report.h"
#include "bench/rundir.h"
#include "bench/store.h"
#include "bench/version.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* How often the clock is looked at while no machine has anything to say. */
enum { TICK_MS = 500 };

struct run {
	const struct project *project;
	const struct experiment *experiment;
	const struct run_options *options;
	struct rundir dir;
	struct progress progress;
	struct interrupts interrupts;
	unsigned jobs;
	struct cell *cell; /* one per stack, in the experiment's order */
	unsigned started, done;
	const struct cell *blamed; /* its stack is why the run failed */
	struct vmfee_error *err;
};

static int blame(struct run *run, const struct cell *cell)
{
	run->blamed = cell;
	return vmfee_prefix(run->err, "stack %s", cell->stack->name);
}

/* Boots stacks as long as there are some left and machines may be added. */
static int start_cells(struct run *run)
{
	const struct experiment *experiment = run->experiment;

	while (run->started < experiment->stacks && run->started - run->done < run->jobs) {
		const struct experiment_stack *stack = &experiment->stack[run->started];
		struct cell *cell = &run->cell[run->started++];
		progress_started(&run->progress, stack);
		if (cell_start(cell, run->project, experiment, stack, run->dir.partial, run->err) !=
		    0)
			return blame(run, cell);
	}
	return 0;
}

static int take_from(struct run *run, struct cell *cell)
{
	int more = cell_take(cell, run->err);

	if (more == 0 && cell_finish(cell, run->err) == 0) {
		run->done++;
		progress_done(&run->progress, cell);
		return 0;
	}
	return more > 0 ? 0 : blame(run, cell);
}

/* Waits until a machine says something or a signal comes, and deals with it. */
static int serve_cells(struct run *run)
{
	struct pollfd waiting[EXPERIMENT_MAX_STACKS + 1];
	struct cell *cell[EXPERIMENT_MAX_STACKS];
	nfds_t count = 0;

	for (unsigned i = 0; i < run->started; i++) {
		if (!run->cell[i].running)
			continue;
		cell[count] = &run->cell[i];
		waiting[count++] =
			(struct pollfd){.fd = cell_descriptor(&run->cell[i]), .events = POLLIN};
	}
	waiting[count] = (struct pollfd){.fd = run->interrupts.descriptor, .events = POLLIN};
	if (poll(waiting, count + 1, TICK_MS) < 0 && errno != EINTR)
		return vmfee_fail_errno(run->err, "poll");
	if (interrupts_check(&run->interrupts, run->err) != 0)
		return -1;
	for (nfds_t i = 0; i < count; i++) {
		if (waiting[i].revents != 0 && take_from(run, cell[i]) != 0)
			return -1;
		if (cell[i]->running && cell_check_deadline(cell[i], run->err) != 0)
			return blame(run, cell[i]);
	}
	return 0;
}

static int run_cells(struct run *run)
{
	while (run->done < run->experiment->stacks) {
		if (start_cells(run) != 0 || serve_cells(run) != 0)
			return -1;
		progress_show(&run->progress, run->cell, run->started, run->done,
			      run->experiment->stacks);
	}
	return 0;
}

/* Machines whose ticks are time would disturb each other. */
static unsigned jobs_on(const struct platform *platform, const struct run_options *options)
{
	return platform->machine == PLATFORM_HOST ? 1 : options->jobs;
}

static int check_machine(const struct project *project, const struct platform *platform,
			 struct vmfee_error *err)
{
	return platform->machine == PLATFORM_HOST ? 0 : bochs_check(project->bochs, err);
}

static int store_properties(struct run *run, struct store *store)
{
	const struct experiment *experiment = run->experiment;
	const struct platform *platform = platform_find(experiment->platform);
	const char *const properties[][2] = {
		{"experiment", experiment->name},
		{"title", experiment->title},
		{"platform", platform->name},
		{"platform_version", cell_version(&run->cell[0])},
		{"cpu", experiment->cpu},
		{"tick", platform->tick},
		{"tick_caution", platform->caution},
		{"unit", platform->unit},
		{"vmfee", vmfee_version},
		{"left_out", experiment->left_out},
	};

	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		if (store_property(store, properties[i][0], properties[i][1], run->err) != 0)
			return -1;
	return 0;
}

static int write_store(struct run *run, const char *path)
{
	struct store *store = store_create(path, run->err);
	int failed = store == NULL || store_properties(run, store);

	for (unsigned i = 0; !failed && i < run->experiment->stacks; i++)
		failed = store_stack(store, i, &run->experiment->stack[i], &run->cell[i].console,
				     &run->cell[i].exits, run->err);
	if (!failed)
		return store_commit(store, run->err);
	store_abandon(store);
	return -1;
}

static int write_manifest(struct run *run)
{
	char path[PATH_MAX];
	struct manifest *manifest =
		manifest_create(run->experiment, platform_find(run->experiment->platform),
				cell_version(&run->cell[0]));
	int failed = manifest == NULL ||
		     project_path(path, run->dir.partial, "manifest", ".json", run->err);

	for (unsigned i = 0; !failed && i < run->experiment->stacks; i++)
		failed = manifest_stack(manifest, &run->experiment->stack[i], &run->cell[i].console,
					&run->cell[i].exits);
	if (!failed)
		failed = manifest_write(manifest, path, run->err);
	manifest_free(manifest);
	return failed ? vmfee_fail(run->err, VMFEE_SYSTEM, "out of memory for the manifest") : 0;
}

/*
 * Draws the figures, and makes the page that shows them.  A run is as good without them: what keeps
 * them from being drawn is told in undrawn, and is a failure of the run only where it is the user.
 */
static int draw(struct run *run, const struct results *results, struct vmfee_error *undrawn)
{
	char plots[PATH_MAX];

	if (!run->options->plots)
		return 0;
	if (plot_all(results, run->project->plots, run->dir.partial, &run->interrupts, undrawn) ==
	    0)
		return html_save(results, run->project->plots, run->dir.partial, run->err);
	if (undrawn->status == VMFEE_INTERRUPTED)
		return vmfee_fail(run->err, undrawn->status, "%s", undrawn->text);
	vmfee_suffix(undrawn, "; the run is kept without figures, and --no-plots asks for none");
	if (project_path(plots, run->dir.partial, "plots", "", run->err) != 0)
		return -1;
	rundir_remove_tree(plots);
	return 0;
}

/* Everything that is derived from results.db, and from nothing else. */
static int derive(struct run *run, const struct results *results, struct vmfee_error *undrawn)
{
	char path[PATH_MAX];

	if (project_path(path, run->dir.partial, "report", ".txt", run->err) != 0 ||
	    report_save(results, path, run->err) != 0)
		return -1;
	return draw(run, results, undrawn);
}

/* Writes what came of the cells down, and gives the directory its name. */
static int write_down(struct run *run, char *published)
{
	char path[PATH_MAX];
	struct results results;
	struct vmfee_error undrawn = {0};

	if (project_path(path, run->dir.partial, "results", ".db", run->err) != 0 ||
	    write_store(run, path) != 0 || write_manifest(run) != 0)
		return -1;
	int failed = results_load(&results, path, run->err);
	if (!failed)
		failed = derive(run, &results, &undrawn);
	if (!failed)
		failed = interrupts_check(&run->interrupts, run->err);
	if (!failed) {
		snprintf(published, PATH_MAX, "%s", run->dir.final);
		failed = rundir_publish(&run->dir, run->err);
	}
	if (failed)
		published[0] = '\0';
	else
		failed = report_check(&results, run->err);
	if (!failed && undrawn.status != VMFEE_OK)
		failed = vmfee_fail(run->err, undrawn.status, "%s", undrawn.text);
	results_free(&results);
	return failed;
}

/* Whether the console of the stack that failed can tell why: what it did there is to blame. */
static bool console_tells(const struct run *run)
{
	switch (run->err->status) {
	case VMFEE_GUEST:
	case VMFEE_PANIC:
	case VMFEE_WATCHDOG:
	case VMFEE_USAGE:
	case VMFEE_IMAGE:
		return run->blamed != NULL && run->blamed->console.line > 0;
	default:
		return false;
	}
}

static void give_up(struct run *run)
{
	if (!console_tells(run)) {
		rundir_discard(&run->dir);
		return;
	}
	vmfee_suffix(run->err, "; see %s/%s/console.log", run->dir.failed,
		     run->blamed->stack->name);
	rundir_keep_failed(&run->dir);
}

int run_experiment(const struct project *project, const struct experiment *experiment,
		   const struct run_options *options, char *path, struct vmfee_error *err)
{
	const struct platform *platform = platform_find(experiment->platform);
	struct run run = {
		.jobs = jobs_on(platform, options),
		.project = project,
		.experiment = experiment,
		.options = options,
		.dir = RUNDIR_NONE,
		.cell = calloc(experiment->stacks, sizeof(run.cell[0])),
		.err = err,
	};

	path[0] = '\0';
	if (run.cell == NULL)
		return vmfee_fail_errno(err, "cells of %s", experiment->name);
	progress_begin(&run.progress, experiment->name);
	int failed = interrupts_begin(&run.interrupts, err) ||
		     check_machine(project, platform, err) ||
		     rundir_begin(&run.dir, project->results, experiment->name, err) ||
		     run_cells(&run) || write_down(&run, path);
	progress_wipe(&run.progress);

	for (unsigned i = 0; i < run.started; i++)
		cell_free(&run.cell[i]);
	if (failed)
		give_up(&run);
	free(run.cell);
	interrupts_end(&run.interrupts);
	return failed ? -1 : 0;
}
