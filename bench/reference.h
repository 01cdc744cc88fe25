/*
 * The reference of what a run consists of, made of its definitions: docs/reference.md.
 */
#ifndef BENCH_REFERENCE_H
#define BENCH_REFERENCE_H

#include "bench/err.h"

#include <stdio.h>

/* Writes it as Markdown.  Returns 0, or -1 with VMFEE_SYSTEM. */
int reference_write(FILE *out, struct vmfee_error *err);

#endif
