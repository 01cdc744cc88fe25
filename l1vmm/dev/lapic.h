/*
 * The local APIC that a guest sees (SDM volume 3, chapter 11), plain C: register file, priorities
 * and what is to be delivered next.  Reached by MSR in x2APIC mode; a vector sent to itself is the
 * only source of interrupts so far.
 */
#ifndef L1VMM_DEV_LAPIC_H
#define L1VMM_DEV_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define LAPIC_VECTOR_WORDS 8 /* 256 vectors, 32 a register */
#define LAPIC_LVT_ENTRIES  6

struct lapic {
	uint32_t id;
	uint32_t tpr;
	uint32_t svr;
	uint32_t esr;	      /* as software reads it */
	uint32_t esr_pending; /* gathered until software writes ESR */
	uint64_t icr;
	uint32_t isr[LAPIC_VECTOR_WORDS];
	uint32_t irr[LAPIC_VECTOR_WORDS];
	uint32_t lvt[LAPIC_LVT_ENTRIES]; /* timer, thermal, performance, LINT0, LINT1, error */
	uint32_t timer_initial;
	uint32_t timer_divide;
	uint64_t base; /* IA32_APIC_BASE */
};

enum lapic_result {
	LAPIC_OK,
	LAPIC_FAULT, /* #GP(0) */
};

/* State after reset, in xAPIC mode; the boot processor is number 0. */
void lapic_reset(struct lapic *apic, uint32_t id);

/*
 * RDMSR and WRMSR of x2APIC register `msr` (0x800 to 0x8ff).  LAPIC_FAULT outside of x2APIC mode,
 * for registers that do not exist, cannot be read or written, and for reserved bits.
 */
enum lapic_result lapic_read_msr(const struct lapic *apic, uint32_t msr, uint64_t *value);
enum lapic_result lapic_write_msr(struct lapic *apic, uint32_t msr, uint64_t value);

/* WRMSR of IA32_APIC_BASE: the mode transitions of SDM volume 3, 11.12.5; the base stays. */
enum lapic_result lapic_write_base(struct lapic *apic, uint64_t value);

/* The task priority as CR8 has it: bits 7:4 of the TPR. */
uint64_t lapic_cr8(const struct lapic *apic);
enum lapic_result lapic_write_cr8(struct lapic *apic, uint64_t value);

/* The vector that may interrupt the processor now, by its priority; -1 where there is none. */
int lapic_pending(const struct lapic *apic);

/* The processor takes `vector`: from requested to in service. */
void lapic_accept(struct lapic *apic, uint8_t vector);

#endif
