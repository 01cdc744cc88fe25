/*
 * What tells one file's contents from any other's.
 */
#ifndef BENCH_DIGEST_H
#define BENCH_DIGEST_H

#include "bench/err.h"

enum { DIGEST_TEXT = 65 }; /* SHA-256 in hexadecimal, with its end */

/* Returns 0, or -1 with VMFEE_SYSTEM or VMFEE_DISK where the file cannot be read. */
int digest_file(const char *path, char text[DIGEST_TEXT], struct vmfee_error *err);

#endif
