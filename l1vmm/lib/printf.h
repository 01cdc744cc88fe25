/*
 * Formatted text without libc.  Pure: it writes to the caller's buffer and nowhere else.
 *
 * Directives: %c %s %d %u %x %p %% with the lengths l, ll and z, a width, the flag 0 for numbers,
 * the flag - for padding on the right, and for %s a precision as `.*` or digits.  The compiler
 * checks calls against the rules of printf(3); a directive outside this list is written as it
 * stands.
 */
#ifndef L1VMM_LIB_PRINTF_H
#define L1VMM_LIB_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Writes the text and a terminating zero into the `size` bytes at `buffer`, cut where it does not
 * fit; `size` 0 writes nothing.  Returns the length of the whole text without the zero, so that a
 * result of `size` or more tells that it was cut.
 */
size_t vformat(char *buffer, size_t size, const char *text, va_list arguments)
	__attribute__((format(printf, 3, 0)));
size_t format(char *buffer, size_t size, const char *text, ...)
	__attribute__((format(printf, 3, 4)));

#endif
