/* The lines in which a launcher tells of KVM's own exits: a part of bench/console.c. */
#ifndef BENCH_CONSOLE_OBSERVED_H
#define BENCH_CONSOLE_OBSERVED_H

#include "bench/console.h"

/* Each returns 0, or -1 with VMFEE_GUEST. */
int console_take_observed(struct console *console, const struct line *line,
			  struct vmfee_error *err);
int console_take_delivered(struct console *console, const struct line *line,
			   struct vmfee_error *err);
int console_take_handled(struct console *console, const struct line *line, struct vmfee_error *err);

#endif
