/*
 * The console of a launched stack: the launcher's stdout, or port 0xE9 of the machine that the
 * launcher itself runs on.
 */
#ifndef BENCH_LAUNCHER_OUTPUT_H
#define BENCH_LAUNCHER_OUTPUT_H

#include "bench/err.h"
#include "bench/launcher/ports.h"

#include <stdbool.h>

/* Asks for the ports, where they are wanted; by the thread that makes all others. */
int output_open(struct ports_output *output, bool port, struct vmfee_error *err);

/*
 * A reader of stdout that takes nothing holds everything up; but no longer than a moment once
 * `signals`, a signalfd, has something to read, or output_hurry() has been called.  The rest of the
 * console is lost then.
 */
void output_obey(int signals);
void output_hurry(void);

/* Whether the file, or what reads it, takes PIPE_BUF bytes: waits for that as stdout is waited for.
 */
bool output_wait(int file);

/* Returns 0; or -1 where stdout took no more of the console, other than for want of a reader. */
int output_check(struct vmfee_error *err);

/* Where lines of the launcher's own go that nobody wants. */
struct ports_output output_nowhere(void);

/* A line of the launcher's own. */
void output_line(const struct ports_output *output, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Ends the machine that the launcher itself runs on. */
_Noreturn void output_shutdown(void);

#endif
