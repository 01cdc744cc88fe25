#include "bench/cell_file.h"
#include "bench/cells.h"
#include "bench/run.h"

#include <stdlib.h>
#include <string.h>

/* The experiment without its other stacks. */
static int keep_stack(struct experiment *experiment, const char *name, struct vmfee_error *err)
{
	const struct experiment_stack *stack = experiment_stack(experiment, name);

	if (stack == NULL)
		return vmfee_fail(err, VMFEE_USAGE, "%s has no stack '%s'", experiment->name, name);
	memmove(&experiment->stack[0], stack, sizeof(*stack));
	experiment->stacks = 1;
	return 0;
}

static int run_one(struct cells *cells, const struct project *project, const char *run,
		   struct vmfee_error *err)
{
	struct interrupts interrupts;
	struct progress progress;

	progress_begin(&progress, cells->experiment->name);
	cells->progress = &progress;
	cells->interrupts = &interrupts;
	int failed = interrupts_begin(&interrupts, err) ||
		     cells_prepare(cells, project, run, err) || cells_run(cells, err);
	progress_wipe(&progress);
	if (err->status != VMFEE_INTERRUPTED && cells->count == 1 &&
	    cells->cell[0].failure.status != VMFEE_OK)
		cell_save_failure(&cells->cell[0]);
	if (!failed)
		failed = cells_judge(cells, run, err);
	cells_free(cells);
	interrupts_end(&interrupts);
	return failed;
}

int run_cell(const struct project *project, const struct experiment *experiment, const char *path,
	     struct vmfee_error *err)
{
	struct experiment *alone = malloc(sizeof(*alone));
	struct cells cells = {.experiment = alone, .jobs = 1};
	char run[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (alone == NULL)
		return vmfee_fail_errno(err, "%s", experiment->name);
	*alone = *experiment;
	int failed =
		slash == NULL || slash - path >= PATH_MAX
			? vmfee_fail(err, VMFEE_USAGE, "--cell takes RUN/STACK, not '%s'", path)
			: keep_stack(alone, slash + 1, err);
	if (!failed) {
		memcpy(run, path, (size_t)(slash - path));
		run[slash - path] = '\0';
		failed = run_one(&cells, project, run, err);
	}
	free(alone);
	return failed;
}
