/* Accesses that may fault, tried from outside: the processor's own word on what is mapped. */
#ifndef BENCH_GUESTS_MEMORY_PROBE_H
#define BENCH_GUESTS_MEMORY_PROBE_H

#include <stdint.h>

/* Not an error code of a page fault. */
#define NO_FAULT UINT64_MAX

/*
 * Reads the word at `address` to `value`, or writes it there.  Returns NO_FAULT, or the error code
 * of the page fault that it met; one with the wrong address fails the image.
 */
uint64_t probe_read(const volatile void *address, uint64_t *value);
uint64_t probe_write(volatile void *address, uint64_t value);

#endif
