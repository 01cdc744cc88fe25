/*
 * Debian's kernel as the topmost level of a stack: a guest that nobody wrote for this project.  The
 * name stands for the kernel that scripts/bootstrap fetches, and in it the program
 * bench/linux/init.c.
 */
#ifndef BENCH_LINUX_LEVEL_H
#define BENCH_LINUX_LEVEL_H

#include "bench/project.h"
#include "bench/stack.h"

#include <stdbool.h>

#define LINUX_LEVEL "linux"

/* Of a kernel: more than of a level, for what is put before it. */
#define LINUX_MAX_CMDLINE (STACK_MAX_CMDLINE + 64)

/* Whether the topmost level is such a kernel. */
bool linux_level_is(const struct stack *stack);

/* Whether this level of the stack is. */
bool linux_level_at(const struct stack *stack, unsigned level);

/*
 * The kernel's command line, from that of the level: on Bochs, whose TSC counts other ticks than
 * CPUID says, the rate is told.
 */
void linux_level_cmdline(const struct stack *stack, char cmdline[static LINUX_MAX_CMDLINE]);

/* Writes the initramfs to `path`.  Returns 0 or -1, as the functions of bench/initramfs.h do. */
int linux_level_write(const char *path, const struct project *project, struct vmfee_error *err);

#endif
