/*
 * The I/O APIC that a guest sees (82093AA), plain C: register file only, no line is wired to it.
 */
#ifndef L1VMM_DEV_IOAPIC_H
#define L1VMM_DEV_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define IOAPIC_BASE  0xfec00000u /* gpa */
#define IOAPIC_SIZE  0x1000u
#define IOAPIC_LINES 24

struct ioapic {
	uint32_t select; /* IOREGSEL: the register behind IOWIN */
	uint32_t id;
	uint64_t redirection[IOAPIC_LINES];
};

void ioapic_reset(struct ioapic *ioapic);

/*
 * Access to `offset` within its page.  It has registers of 32 bits; what lies between them reads as
 * zero and ignores writes.
 */
uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t offset);
void ioapic_write(struct ioapic *ioapic, uint32_t offset, uint32_t value);

/* A local APIC has ended the level-triggered interrupt `vector`. */
void ioapic_end_of_interrupt(struct ioapic *ioapic, uint8_t vector);

#endif
