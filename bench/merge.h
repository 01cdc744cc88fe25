/*
 * One run of several: the stacks of all of them, each once.
 */
#ifndef BENCH_MERGE_H
#define BENCH_MERGE_H

#include "bench/results.h"

#include <limits.h>
#include <stdbool.h>

enum { MERGE_MAX_SOURCES = 64 };

struct merge_source {
	char path[PATH_MAX];	 /* of the run */
	char database[PATH_MAX]; /* its results.db */
	const char *name;	 /* the last part of its path */
	struct results results;
	bool *taken; /* for each of its stacks, whether it is taken from here */
};

struct merge {
	const char *name; /* that the new run gets */
	unsigned sources;
	struct merge_source source[MERGE_MAX_SOURCES];
};

/* Reads a further source, that lies at path.  Returns 0, or -1 with VMFEE_USAGE. */
int merge_add(struct merge *merge, const char *path, const char *database, struct vmfee_error *err);

/*
 * Writes results.db of all sources to path, at which nothing is.  Returns 0; or -1 with VMFEE_USAGE
 * where the sources are no parts of one run, or have different results of one stack; VMFEE_DISK or
 * VMFEE_SYSTEM.
 */
int merge_databases(struct merge *merge, const char *path, struct vmfee_error *err);

/* Writes their manifest.json, once their databases are merged.  Returns as above. */
int merge_manifests(const struct merge *merge, const char *path, struct vmfee_error *err);

/* Copies the folders of the stacks into the directory of the new run.  Returns as above. */
int merge_folders(const struct merge *merge, const char *run, struct vmfee_error *err);

void merge_free(struct merge *merge);

#endif
