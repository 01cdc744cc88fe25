/*
 * One data line of a console, taken apart: `|@word key=value key=value`.  Whoever wrote it is not
 * trusted; nothing here is kept that did not have the right form.
 */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H

#include "bench/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LINE_MAX_BYTES = 480, /* without the bars */
	LINE_MAX_PAIRS = 24,
};

struct line {
	unsigned depth;	  /* bars before it: hypervisors under the one that wrote it */
	const char *word; /* "bench"; NULL for a line for people */
	unsigned pairs;
	struct {
		const char *key;
		const char *value;
	} pair[LINE_MAX_PAIRS];
	char text[LINE_MAX_BYTES + 1]; /* what the pointers point into */
};

/*
 * Takes length bytes without the newline apart.  Returns 0, or -1 with VMFEE_GUEST.
 */
int line_parse(struct line *line, const char *bytes, size_t length, struct vmfee_error *err);

/* The value of a key, or NULL. */
const char *line_find(const struct line *line, const char *key);

/* The value of a key that must be there.  NULL with VMFEE_GUEST where it is not. */
const char *line_value(const struct line *line, const char *key, struct vmfee_error *err);

/* The value of a key that names something: see stack_valid_name(), upper case allowed as well. */
const char *line_name(const struct line *line, const char *key, struct vmfee_error *err);

/*
 * The number that a key holds, decimal or 0x, in low..high.  Returns 0, or -1 with VMFEE_GUEST.
 */
int line_number(const struct line *line, const char *key, uint64_t low, uint64_t high,
		uint64_t *number, struct vmfee_error *err);

/*
 * Reads the digits at *text, decimal or 0x, and moves *text behind them.  False where there are
 * none or where the number does not fit.
 */
bool line_digits(const char **text, uint64_t *number);

#endif
