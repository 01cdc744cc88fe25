#include "bench/run.h"
#include "bench/cells.h"
#include "bench/derive.h"
#include "bench/manifest.h"
#include "bench/report.h"
#include "bench/rundir.h"
#include "bench/slurm.h"
#include "bench/store.h"
#include "bench/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
	const struct project *project;
	const struct run_options *options;
	struct experiment experiment; /* with the stacks that failed among those left out */
	struct rundir dir;
	struct progress progress;
	struct interrupts interrupts;
	struct cells cells;
	struct vmfee_error *err;
};

/* Machines whose ticks are time would disturb each other. */
static unsigned jobs_on(const struct platform *platform, const struct run_options *options)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (platform->machine == PLATFORM_HOST)
		return 1;
	if (options->jobs > 0)
		return options->jobs;
	return processors < 1 ? 1 : (unsigned)processors;
}

static int check_machine(const struct project *project, const struct platform *platform,
			 struct vmfee_error *err)
{
	return platform->machine == PLATFORM_HOST ? 0 : bochs_check(project->bochs, err);
}

/* The first cell that is whole; there is one. */
static const struct cell *first_whole(const struct run *run)
{
	const struct cell *cell = run->cells.cell;

	while (!cell->whole)
		cell++;
	return cell;
}

/* Cells of an earlier run may have been run on another machine that has the same path. */
static int check_versions(const struct run *run)
{
	const struct cell *first = first_whole(run);

	for (unsigned i = 0; i < run->cells.count; i++) {
		const struct cell *cell = &run->cells.cell[i];
		if (cell->whole && strcmp(cell_version(cell), cell_version(first)) != 0)
			return vmfee_fail(run->err, VMFEE_SYSTEM,
					  "stack %s ran on version %s of the platform, stack %s on "
					  "%s: run all of them again",
					  first->stack->name, cell_version(first),
					  cell->stack->name, cell_version(cell));
	}
	return 0;
}

static int store_properties(struct run *run, struct store *store)
{
	const struct experiment *experiment = &run->experiment;
	const struct platform *platform = experiment_platform(experiment);
	const char *const properties[][2] = {
		{"experiment", experiment->name},
		{"title", experiment->title},
		{"platform", platform->name},
		{"platform_version", cell_version(first_whole(run))},
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
	unsigned number = 0;

	for (unsigned i = 0; !failed && i < run->cells.count; i++) {
		const struct cell *cell = &run->cells.cell[i];
		if (cell->whole)
			failed = store_stack(store, number++, cell->stack, &cell->console,
					     &cell->exits, run->err);
	}
	if (!failed)
		return store_commit(store, run->err);
	store_abandon(store);
	return -1;
}

static int write_manifest(struct run *run)
{
	char path[PATH_MAX];
	struct manifest *manifest =
		manifest_create(&run->experiment, experiment_platform(&run->experiment),
				cell_version(first_whole(run)));
	int failed = manifest == NULL ||
		     project_path(path, run->dir.partial, "manifest", ".json", run->err);

	for (unsigned i = 0; !failed && i < run->cells.count; i++) {
		const struct cell *cell = &run->cells.cell[i];
		if (cell->whole)
			failed =
				manifest_stack(manifest, cell->stack, &cell->console, &cell->exits);
	}
	if (!failed)
		failed = manifest_write(manifest, path, run->err);
	manifest_free(manifest);
	return failed ? vmfee_fail(run->err, VMFEE_SYSTEM, "out of memory for the manifest") : 0;
}

/*
 * What came of the cells that are whole, as results.db and the manifest, and back as results.
 */
static int write_results(struct run *run, struct results *results)
{
	char path[PATH_MAX];

	memset(results, 0, sizeof(*results));
	if (check_versions(run) != 0 ||
	    project_path(path, run->dir.partial, "results", ".db", run->err) != 0)
		return -1;
	if (write_store(run, path) != 0 || write_manifest(run) != 0)
		return -1;
	return results_load(results, path, run->err);
}

/* Writes what came of the cells down, and gives the directory its name. */
static int write_down(struct run *run, char *published)
{
	struct results results;
	struct vmfee_error undrawn = {0};
	int failed =
		write_results(run, &results) ||
		derive_report(&results, run->dir.partial, run->err) ||
		(run->options->plots && derive_figures(&results, run->project, run->dir.partial,
						       &run->interrupts, &undrawn, run->err)) ||
		interrupts_check(&run->interrupts, run->err);

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

/* A probe without the stack that it is of says nothing. */
static void leave_out(struct run *run)
{
	struct cells *cells = &run->cells;
	char *text = run->experiment.left_out;
	size_t size = sizeof(run->experiment.left_out);

	for (unsigned i = 0; i < cells->count; i++) {
		struct cell *cell = &cells->cell[i];
		const struct experiment_stack *of =
			experiment_stack(&run->experiment, cell->stack->probe_of);
		size_t used = strlen(text);
		if (of != NULL && !cells->cell[of - run->experiment.stack].whole)
			cell->whole = false;
		if (cell->failure.status != VMFEE_OK && used < size)
			snprintf(text + used, size - used, "%s%s (%.100s)", used == 0 ? "" : ", ",
				 cell->stack->name, cell->failure.text);
	}
}

/* The results of the stacks that are whole, of a run that is not; whatever else may go wrong. */
static void write_rest(struct run *run)
{
	struct vmfee_error *why = run->err;
	struct vmfee_error ignored = {0};
	struct results results;

	leave_out(run);
	if (cells_whole(&run->cells) == 0)
		return;
	run->err = &ignored;
	if (write_results(run, &results) == 0)
		derive_report(&results, run->dir.partial, run->err);
	results_free(&results);
	run->err = why;
}

/*
 * Keeps what is whole, and the consoles that can tell why the rest is not.  path is of the
 * directory where it has results.
 */
static void give_up(struct run *run, char *path)
{
	const struct cells *cells = &run->cells;
	unsigned whole = cells_whole(cells);
	bool told = false;

	for (unsigned i = 0; i < cells->count; i++)
		told |= cell_tells(&cells->cell[i]);
	if (whole > 0)
		vmfee_suffix(run->err, "; %u of %u stacks are in %s: --resume %s", whole,
			     cells->count, run->dir.failed,
			     whole < cells->count ? "runs the others" : "does what is left");
	else if (run->err->status == VMFEE_INTERRUPTED)
		vmfee_suffix(run->err, "; nothing was kept");
	if (whole == 0 && !told) {
		rundir_discard(&run->dir);
		return;
	}
	if (whole > 0 && run->err->status != VMFEE_INTERRUPTED && run->err->status != VMFEE_DISK) {
		write_rest(run);
		snprintf(path, PATH_MAX, "%s", run->dir.failed);
	}
	rundir_keep_failed(&run->dir);
}

static int run_by_slurm(struct run *run)
{
	const struct run_options *options = run->options;
	const struct slurm_job job = {
		.run = run->dir.partial,
		.experiment = options->file,
		.options = options->deciding,
		.count = options->decisions,
		.limit = options->jobs,
		.exclusive = platform_find(run->experiment.platform)->machine == PLATFORM_HOST,
	};

	return slurm_run(&run->cells, &job, run->err);
}

/* Takes what is there of an earlier run, and runs the rest. */
static int run_cells(struct run *run)
{
	struct cells *cells = &run->cells;
	const struct run_options *options = run->options;
	char slurm[PATH_MAX];

	if (cells_prepare(cells, run->project, run->dir.partial, run->err) != 0 ||
	    project_path(slurm, run->dir.partial, SLURM_FOLDER, "", run->err) != 0)
		return -1;
	if (options->resume &&
	    cells_load(cells, run->dir.partial, options->from[0] == '\0' ? NULL : options->from,
		       run->err) != 0)
		return -1;
	if ((options->slurm ? run_by_slurm(run) : cells_run(cells, run->err)) != 0 ||
	    cells_judge(cells, run->dir.failed, run->err) != 0)
		return -1;
	/* A run that is whole is the same as one without slurm. */
	rundir_remove_tree(slurm);
	return 0;
}

int run_experiment(const struct project *project, const struct experiment *experiment,
		   const struct run_options *options, char *path, struct vmfee_error *err)
{
	const struct platform *platform = experiment_platform(experiment);
	struct run *run = calloc(1, sizeof(*run));

	path[0] = '\0';
	if (run == NULL)
		return vmfee_fail_errno(err, "%s", experiment->name);
	run->project = project;
	run->options = options;
	run->experiment = *experiment;
	run->dir = RUNDIR_NONE;
	run->err = err;
	run->cells = (struct cells){.experiment = &run->experiment,
				    .interrupts = &run->interrupts,
				    .progress = &run->progress,
				    .jobs = jobs_on(platform, options)};
	progress_begin(&run->progress, experiment->name);
	int failed =
		interrupts_begin(&run->interrupts, err) || check_machine(project, platform, err) ||
		rundir_begin(&run->dir, project->results, experiment->name, options->resume, err) ||
		run_cells(run) || write_down(run, path);
	progress_wipe(&run->progress);

	for (unsigned i = 0; i < run->cells.count; i++)
		cell_stop(&run->cells.cell[i]);
	if (failed && path[0] == '\0')
		give_up(run, path);
	cells_free(&run->cells);
	interrupts_end(&run->interrupts);
	free(run);
	return failed ? -1 : 0;
}
