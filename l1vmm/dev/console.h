/*
 * The console of a guest, passed on to the hypervisor's own with a `|` before each line, so that
 * nobody above can write a line that seems to come from here.
 */
#ifndef L1VMM_DEV_CONSOLE_H
#define L1VMM_DEV_CONSOLE_H

#include <stddef.h>

/* Takes `size` bytes that the guest wrote; whole lines are passed on. */
void guest_console_write(const char *data, size_t size);

/* Passes an unfinished line on. */
void guest_console_flush(void);

#endif
