/*
 * The console port, and the lines that go to it: docs/architecture.md, "Console protocol".
 */
#ifndef L1VMM_ARCH_CONSOLE_H
#define L1VMM_ARCH_CONSOLE_H

#include <stddef.h>

/* The longest line of the console protocol in bytes, its newline included. */
#define CONSOLE_LINE_MAX 480

/* Writes `length` bytes as they are, with one string instruction: one exit, however long. */
void console_write(const char *text, size_t length);

/*
 * Formats (l1vmm/lib/printf.h) and writes at once.  No state is kept between calls, so exception
 * handlers may use it in the middle of another call.  Text beyond CONSOLE_LINE_MAX is cut; what is
 * left then ends in "~\n".
 */
void printk(const char *text, ...) __attribute__((format(printf, 1, 2)));

#endif
