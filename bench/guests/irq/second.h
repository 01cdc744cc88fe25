/* The other processors of an image that is to use several; most use a second one. */
#ifndef BENCH_GUESTS_IRQ_SECOND_H
#define BENCH_GUESTS_IRQ_SECOND_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/guests/harness/sample.h"

#define PROCESSORS_MOST 8

/* How many the command line says there are; fewer than `least` have the workload left out. */
uint32_t processors(struct run *run, uint32_t least);

/* Whether there are two. */
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

/* The same for all of `count` processors but the caller, which is number 0. */
void others_begin(uint32_t count, void (*work)(uint32_t number));
void others_finish(uint32_t count);

#endif
