/*
 * Exceptions and interrupts: every vector has a handler in C, by default one that reports the trap
 * and ends the image.
 */
#ifndef BENCH_GUESTS_RT_TRAP_H
#define BENCH_GUESTS_RT_TRAP_H

#include <stdint.h>

#include "l1vmm/arch/trap_frame.h"

/* May change the frame: what it holds on return is what the interrupted code goes on with. */
typedef void trap_handler(struct trap_frame *frame);

/* Loads TSS and IDT; called once, by rt_start(). */
void trap_init(void);

/* Makes `handler` the one for `vector`; NULL brings the default back. */
void trap_handle(uint8_t vector, trap_handler *handler);

/* Has code of its own take `vector`; NULL brings the handlers in C back. */
void trap_gate(uint8_t vector, const void *entry);

#endif
