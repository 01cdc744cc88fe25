/*
 * Copies of files, for runs that take over what others have.
 */
#ifndef BENCH_COPY_H
#define BENCH_COPY_H

#include "bench/err.h"

/*
 * Copies a folder of files and folders to a path at which nothing is.  Links and whatever else is
 * no file is left out.  Returns 0; or -1 with VMFEE_DISK or VMFEE_SYSTEM, and what was copied
 * stays.
 */
int copy_tree(const char *from, const char *to, struct vmfee_error *err);

#endif
