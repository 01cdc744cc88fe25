/* What the local APIC's sources share. */
#ifndef L1VMM_DEV_LAPIC_INTERNAL_H
#define L1VMM_DEV_LAPIC_INTERNAL_H

#include "l1vmm/arch/msr.h"
#include "l1vmm/dev/lapic.h"

#define SVR_ENABLE (1u << 8)

/* Fields of the LVT entries: SDM volume 3, figure 11-8. */
#define LVT_VECTOR	  0xffu
#define LVT_DELIVERY_MODE (7u << 8)
#define LVT_EXTINT	  (7u << 8)
#define LVT_BUSY	  (1u << 12)
#define LVT_MASKED	  (1u << 16)
#define LVT_TIMER_MODE	  (3u << 17)
#define LVT_ONE_SHOT	  (0u << 17)
#define LVT_PERIODIC	  (1u << 17)
#define LVT_DEADLINE	  (2u << 17)

/* Error status: SDM volume 3, figure 11-9. */
#define ESR_REDIRECTABLE     (1u << 4)
#define ESR_SEND_ILLEGAL     (1u << 5)
#define ESR_ILLEGAL_VECTOR   (1u << 6)
#define ESR_ILLEGAL_REGISTER (1u << 7)

#define FIRST_LEGAL_VECTOR 16

static inline uint32_t *lapic_word(const struct lapic *apic, uint32_t offset)
{
	return &apic->page->words[offset / sizeof(uint32_t)];
}

static inline bool lapic_in_x2apic_mode(const struct lapic *apic)
{
	return apic->base & APIC_BASE_X2APIC;
}

/* Registers that hold a bit for each vector, a word in each 16 bytes from `first` on. */
static inline uint32_t *lapic_vector_word(const struct lapic *apic, uint32_t first, uint8_t vector)
{
	return lapic_word(apic, first + vector / 32u * 16);
}

static inline bool lapic_test(const struct lapic *apic, uint32_t first, uint8_t vector)
{
	return *lapic_vector_word(apic, first, vector) >> vector % 32 & 1;
}

/* lapic_ipi.c: WRMSR or page write of the ICR, with the destination in the upper half. */
void lapic_write_icr(struct lapic *apic, uint64_t icr);

/* lapic.c: takes note of an error, and interrupts for it where the LVT says so. */
void lapic_error(struct lapic *apic, uint32_t error);

/* lapic_timer.c: it stops, and what is known of its interrupts is forgotten. */
void lapic_timer_disarm(struct lapic *apic);

/* lapic_timer.c: registers of the timer, whose new value is in the page already. */
void lapic_timer_mode_written(struct lapic *apic, uint32_t before);
void lapic_timer_count_written(struct lapic *apic);
void lapic_timer_divide_written(struct lapic *apic, uint32_t before);
uint32_t lapic_timer_current(struct lapic *apic);

/* The interrupt of a timer that runs on has been taken; and one by this vector has ended. */
void lapic_timer_accepted(struct lapic *apic);
void lapic_timer_served(struct lapic *apic, uint8_t vector);

#endif
