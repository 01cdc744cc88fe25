/* The second processor of an image that is to use two. */
#ifndef BENCH_GUESTS_IRQ_SECOND_H
#define BENCH_GUESTS_IRQ_SECOND_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/guests/harness/sample.h"

/* Whether the command line says that there is one; if not, has the workload left out. */
bool second_is_there(struct run *run);

/*
 * Has the second processor run `work`, with interrupts off and its APIC on; returns when it has
 * begun.  The first call starts that processor, and fails the image where there is none.
 * @pre the caller's APIC is on (rt/apic.h), and the work before is done
 */
void second_begin(void (*work)(void));

/* The same by an INIT, whatever it is at; `work` may be NULL. */
void second_restart(void (*work)(void));

/* Waits until that work is done. */
void second_finish(void);

/* Its number in x2APIC mode, once it has begun. */
uint32_t second_apic_id(void);

#endif
