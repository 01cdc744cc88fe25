/*
 * manifest.json: what was run, on what, with which capabilities and switches, so that another lab
 * can run it again.  It holds no times, no host names and no paths: equal runs have equal
 * manifests.
 */
#ifndef BENCH_MANIFEST_H
#define BENCH_MANIFEST_H

#include "bench/console.h"
#include "bench/exits.h"
#include "bench/experiment.h"
#include "bench/platform.h"

struct manifest;

/* Begins a manifest.  platform_version is what Bochs calls itself.  NULL when memory is short. */
struct manifest *manifest_create(const struct experiment *experiment,
				 const struct platform *platform, const char *platform_version);

/* Adds what came of a stack.  Returns 0, or -1 when memory is short. */
int manifest_stack(struct manifest *manifest, const struct experiment_stack *stack,
		   const struct console *console, const struct exits *exits);

/* Writes the manifest to the file at path.  Returns 0, or -1 with VMFEE_DISK or VMFEE_SYSTEM. */
int manifest_write(const struct manifest *manifest, const char *path, struct vmfee_error *err);

void manifest_free(struct manifest *manifest);

#endif
