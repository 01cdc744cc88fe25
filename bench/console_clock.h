/* The workload's clock, which need not be the machine's, and what it says of time. */
#ifndef BENCH_CONSOLE_CLOCK_H
#define BENCH_CONSOLE_CLOCK_H

#include "bench/console.h"
#include "bench/line.h"

/* Of a line about a switch: one that is about the clock sets it. */
int console_take_clock(struct console *console, const struct line *line, struct vmfee_error *err);

/* The window of a benchmark, by the machine's clock. */
int console_take_window(struct console *console, struct console_bench *bench,
			const struct line *line, struct vmfee_error *err);

#endif
