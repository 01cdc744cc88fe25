/*
 * Where things are: the project's tree, found from the executable, and what lies in it.
 */
#ifndef BENCH_PROJECT_H
#define BENCH_PROJECT_H

#include "bench/err.h"

#include <limits.h>
#include <stddef.h>

struct project {
	char experiments[PATH_MAX]; /* bench/experiments: NAME.ini */
	char models[PATH_MAX];	    /* bench/models: NAME.ini */
	char published[PATH_MAX];   /* bench/published: EXPERIMENT.ini */
	char plots[PATH_MAX];	    /* bench/plots: NAME.gp */
	char images[PATH_MAX];	    /* build/images: NAME.elf */
	char results[PATH_MAX];	    /* results: one directory per run */
	char launcher[PATH_MAX];    /* build/l1vmm-launch */
	char kernel[PATH_MAX];	    /* .cache/kernel: Debian's, with KVM's modules */
	char linux_init[PATH_MAX];  /* build/linux-init */
	char init[PATH_MAX];	    /* scripts/kvm-init */
	char bochs[PATH_MAX];	    /* .cache/bochs/run, or $L1VMM_BOCHS */
};

/*
 * Fills in the paths of the tree that holds this executable as build/vmfee.  Returns 0, or -1 with
 * VMFEE_SYSTEM.
 */
int project_find(struct project *project, struct vmfee_error *err);

/*
 * Writes into list, of size bytes, the names of the files in a folder that end in suffix, without
 * it, sorted and separated by ", ".  "none" where there are none; a list that does not fit ends in
 * "...".
 */
void project_list(const char *folder, const char *suffix, char *list, size_t size);

/*
 * "FOLDER/NAME" + suffix into path, of PATH_MAX bytes.  Returns 0, or -1 with VMFEE_USAGE where it
 * does not fit.
 */
int project_path(char *path, const char *folder, const char *name, const char *suffix,
		 struct vmfee_error *err);

/*
 * The directory of a run that is given by its path or by its name in results, and its results.db,
 * into path and database, of PATH_MAX bytes each.  Returns 0, or -1 with VMFEE_USAGE where neither
 * holds a results.db.
 */
int project_run(const struct project *project, const char *name, char *path, char *database,
		struct vmfee_error *err);

#endif
