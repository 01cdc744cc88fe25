/* What the workloads that interrupt at random have in common. */
#ifndef BENCH_GUESTS_IRQ_STRESS_H
#define BENCH_GUESTS_IRQ_STRESS_H

#include <stdint.h>

#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/x86.h"

static inline void open_window(void)
{
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
}

/* Handlers of the vectors from `first` to `last` and of what is none; NULL: none any more. */
static inline void handle_all(uint32_t first, uint32_t last, trap_handler *vectors,
			      trap_handler *nmi, trap_handler *spurious)
{
	for (uint32_t vector = first; vector <= last; vector++)
		trap_handle((uint8_t)vector, vectors);
	trap_handle(VECTOR_NMI, nmi);
	trap_handle(VECTOR_SPURIOUS, spurious);
}

#endif
