/*
 * Slurm in the place of this machine's own processors: an array job with a task for each cell.  Its
 * machines must see this project and the directory of the run under the same paths.
 */
#ifndef BENCH_SLURM_H
#define BENCH_SLURM_H

#include "bench/cells.h"

#include <stdbool.h>

struct slurm_job {
	const char *run;	/* directory of the run */
	const char *experiment; /* path of its file */
	char *const *options;	/* of `vmfee run`, that decide what comes of a cell */
	size_t count;		/* of them */
	unsigned limit;		/* tasks at a time; 0: as many as slurm likes */
	bool exclusive;		/* no two tasks on one machine */
};

/*
 * Runs all cells that are not whole, as cells_run() does.  What they said on their way stays in the
 * run's folder SLURM_FOLDER.  Returns 0; or -1 with VMFEE_PLATFORM where there is no slurm, or it
 * refuses the job, VMFEE_DISK, VMFEE_INTERRUPTED or VMFEE_SYSTEM.
 */
int slurm_run(struct cells *cells, const struct slurm_job *job, struct vmfee_error *err);

#define SLURM_FOLDER "slurm"

#endif
