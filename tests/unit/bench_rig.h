#ifndef TESTS_UNIT_BENCH_RIG_H
#define TESTS_UNIT_BENCH_RIG_H

/* What the tests of bench/ share: folders of their own, and a console to begin with. */

#include <limits.h>

#include "bench/console.h"

/* A new folder; its path goes into folder. */
void rig_folder(char folder[PATH_MAX]);

/* Writes text to folder/name, whose path goes into path. */
void rig_file(const char *folder, const char *name, const char *text, char path[PATH_MAX]);

/* The whole of a file, to be freed. */
char *rig_read(const char *path);

/* Feeds text, lines and all, to a new console of a stack of that many levels; it must be accepted.
 */
struct console *rig_console(unsigned levels, const char *text);

void rig_console_free(struct console *console);

#endif
