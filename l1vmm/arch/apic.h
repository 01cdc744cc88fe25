/*
 * The processor's own local APIC, in x2APIC mode, and its timer, which wakes the hypervisor.
 */
#ifndef L1VMM_ARCH_APIC_H
#define L1VMM_ARCH_APIC_H

#include <stdbool.h>
#include <stdint.h>

/* Vectors of the hypervisor's own interrupts. */
#define VECTOR_HOST_TIMER    0xf0
#define VECTOR_HOST_KICK     0xf1 /* there is something in the vCPU's mailbox, or the run ends */
#define VECTOR_HOST_POSTED   0xf2 /* the same, for the processor to see to: irq=posted */
#define VECTOR_HOST_SPURIOUS 0xff

#define HOST_ICR_NMI 0x400 /* delivery mode of MSR_X2APIC_ICR, in place of a vector */

/* Switches it on, and finds out how fast its timer counts.  False where there is no x2APIC mode. */
bool host_apic_init(void);

/* The same on a processor that is not the first, whose timer goes as fast. */
void host_apic_enable(void);

/* The number that others send to. */
uint32_t host_apic_id(void);

/* Whether `vector` tells of a mailbox. */
static inline bool host_apic_is_kick(uint64_t vector)
{
	return vector == VECTOR_HOST_KICK || vector == VECTOR_HOST_POSTED;
}

/* Interrupts the processor with that number, once all stores before can be seen. */
void host_apic_send(uint32_t id, uint8_t vector);
void host_apic_send_nmi(uint32_t id);

/* An interrupt at `vector` has been taken: ends it where the APIC waits for that. */
void host_apic_acknowledge(uint8_t vector);

/* Interrupts at VECTOR_HOST_TIMER in `ticks` of the TSC, or as late as the timer can. */
void host_timer_start(uint64_t ticks);
void host_timer_stop(void);

/* From now on the timer goes by IA32_TSC_DEADLINE; false: by count again. */
void host_timer_by_deadline(bool deadline);

/* Whether its interrupt waits to be taken. */
bool host_timer_is_pending(void);

/* Whether one that tells of a mailbox does. */
bool host_apic_has_kick(void);

#endif
