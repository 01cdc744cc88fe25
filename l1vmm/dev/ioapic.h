/*
 * The I/O APIC that a guest sees (82093AA), plain C.  Functions that can let interrupts through
 * return the set of lines, a bit each, whose messages are to be sent now.
 */
#ifndef L1VMM_DEV_IOAPIC_H
#define L1VMM_DEV_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/dev/lapic.h"

#define IOAPIC_BASE  0xfec00000u /* gpa */
#define IOAPIC_SIZE  0x1000u
#define IOAPIC_LINES 24

struct ioapic {
	uint32_t select; /* IOREGSEL: the register behind IOWIN */
	uint32_t id;
	uint32_t inputs; /* lines that are asserted, a bit each */
	uint64_t redirection[IOAPIC_LINES];
};

void ioapic_reset(struct ioapic *ioapic);

/*
 * Access to `offset` within its page.  It has registers of 32 bits; what lies between them reads as
 * zero and ignores writes.
 */
uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t offset);
uint32_t ioapic_write(struct ioapic *ioapic, uint32_t offset, uint32_t value);

/*
 * Asserts a line, or not: at whichever polarity its entry has, which devices here agree with, and
 * lines without a device.
 */
uint32_t ioapic_set_line(struct ioapic *ioapic, unsigned line, bool asserted);

/* A local APIC has ended the level-triggered interrupt `vector`: lines still asserted come again.
 */
uint32_t ioapic_end_of_interrupt(struct ioapic *ioapic, uint8_t vector);

/* What a line sends to local APICs. */
struct lapic_ipi ioapic_message(const struct ioapic *ioapic, unsigned line);

/* Whether a line passes on what interrupt controllers ask for, who are then to name the vector. */
bool ioapic_passes_extint(const struct ioapic *ioapic, unsigned line);

#endif
