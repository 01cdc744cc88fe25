/*
 * Command lines of images: tokens separated by blanks, each `key=value` or `key` alone.  Pure.
 * Where a key stands twice, the first one counts.
 */
#ifndef L1VMM_LIB_CMDLINE_H
#define L1VMM_LIB_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One token; both texts point into the command line and end by length, not by a zero. */
struct cmdline_token {
	const char *key;
	size_t key_length;
	const char *value; /* "" where the token has no `=` */
	size_t value_length;
};

enum cmdline_result {
	CMDLINE_FOUND,
	CMDLINE_ABSENT,
	CMDLINE_TOO_LONG, /* the value does not fit the buffer */
};

/*
 * Takes the next token.  `cursor` points into the command line, at its beginning for the first
 * call, and is moved behind the token.  False at the end, with `token` untouched.
 */
bool cmdline_next(const char **cursor, struct cmdline_token *token);

/* Whether the token's key is `key`. */
bool cmdline_is(const struct cmdline_token *token, const char *key);

/*
 * Copies the value of `key`, with a terminating zero, to the `size` bytes at `buffer`.  `buffer` is
 * written only with CMDLINE_FOUND.
 */
enum cmdline_result cmdline_get(const char *cmdline, const char *key, char *buffer, size_t size);

/*
 * Finds the first token whose key is none of the `count` names at `keys`; false where all are
 * known.
 */
bool cmdline_unknown(const char *cmdline, const char *const *keys, size_t count,
		     struct cmdline_token *token);

/*
 * Reads a whole text of `length` bytes as a number, decimal or hexadecimal after `0x`.  False, with
 * `number` untouched, where it is empty, holds anything else, or exceeds 64 bits.
 */
bool cmdline_number(const char *text, size_t length, uint64_t *number);

#endif
