/*
 * The console of a guest, passed on to the hypervisor's own with a `|` before each line, so that
 * nobody above can write a line that seems to come from here.
 */
#ifndef L1VMM_DEV_CONSOLE_H
#define L1VMM_DEV_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

/* Takes `size` bytes that vCPU `id` wrote; whole lines, which are its own, are passed on. */
void guest_console_write(uint32_t id, const char *data, size_t size);

/* Passes unfinished lines on, when no other vCPU runs any more. */
void guest_console_flush(void);

#endif
