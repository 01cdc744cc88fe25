/*
 * The one error of a run, on its way from where it happened to main(): the status that vmfee exits
 * with, and one line for a person that says what was wrong, where, and what to do about it.
 */
#ifndef BENCH_ERR_H
#define BENCH_ERR_H

enum vmfee_status {
#define STATUS(number, NAME, text) VMFEE_##NAME = (number),
#include "bench/status.def"
#undef STATUS
};

struct vmfee_error {
	int status;	/* an enum vmfee_status; VMFEE_OK while nothing has failed */
	char text[512]; /* without a newline; empty while nothing has failed */
};

/*
 * Records an error.  The first one stays: a later one is its consequence.  Returns -1, so that a
 * function can end with `return vmfee_fail(...)`.
 */
int vmfee_fail(struct vmfee_error *err, enum vmfee_status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Records a failed system call from errno, as "TEXT: reason".  A full disk, quota or file-size
 * limit, or a place that must not be written, becomes VMFEE_DISK, anything else VMFEE_SYSTEM.
 * Returns -1.
 */
int vmfee_fail_errno(struct vmfee_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Puts "PREFIX: " before the text of an error that has been recorded.  Returns -1.
 */
int vmfee_prefix(struct vmfee_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Puts more behind the text of an error that has been recorded.  Returns -1.
 */
int vmfee_suffix(struct vmfee_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
