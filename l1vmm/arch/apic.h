/*
 * The processor's own local APIC, in x2APIC mode, and its timer, which wakes the hypervisor.
 */
#ifndef L1VMM_ARCH_APIC_H
#define L1VMM_ARCH_APIC_H

#include <stdbool.h>
#include <stdint.h>

/* Vectors of the hypervisor's own interrupts. */
#define VECTOR_HOST_TIMER    0xf0
#define VECTOR_HOST_SPURIOUS 0xff

/* Switches it on, and finds out how fast its timer counts.  False where there is no x2APIC mode. */
bool host_apic_init(void);

/* An interrupt at `vector` has been taken: ends it where the APIC waits for that. */
void host_apic_acknowledge(uint8_t vector);

/* Interrupts at VECTOR_HOST_TIMER in `ticks` of the TSC, or as late as the timer can. */
void host_timer_start(uint64_t ticks);
void host_timer_stop(void);

/* From now on the timer goes by IA32_TSC_DEADLINE; false: by count again. */
void host_timer_by_deadline(bool deadline);

/* Whether its interrupt waits to be taken. */
bool host_timer_is_pending(void);

#endif
