/* The chips on a PC's board, as a guest gets at them: I/O APIC, interrupt controllers, timer. */
#ifndef TESTS_GUESTS_BOARD_H
#define TESTS_GUESTS_BOARD_H

#include <stdint.h>

#include "l1vmm/arch/cpu.h"
#include "l1vmm/dev/ioapic.h"
#include "l1vmm/dev/pic.h"
#include "l1vmm/dev/pit.h"

#define IOAPIC_SELECT  ((volatile uint32_t *)(uintptr_t)IOAPIC_BASE)
#define IOAPIC_WINDOW  ((volatile uint32_t *)(uintptr_t)(IOAPIC_BASE + 0x10))
#define IOAPIC_ENTRIES 0x10 /* the first register of them, of two each */

/* The lower one. */
#define IOAPIC_EXTINT	  0x700u
#define IOAPIC_REMOTE_IRR 0x4000u
#define IOAPIC_LEVEL	  0x8000u
#define IOAPIC_MASKED	  0x10000u

static inline uint32_t ioapic_entry(unsigned line)
{
	*IOAPIC_SELECT = IOAPIC_ENTRIES + 2 * line;
	return *IOAPIC_WINDOW;
}

static inline void ioapic_set_entry(unsigned line, uint32_t apic_id, uint32_t low)
{
	*IOAPIC_SELECT = IOAPIC_ENTRIES + 2 * line + 1;
	*IOAPIC_WINDOW = apic_id << 24;
	*IOAPIC_SELECT = IOAPIC_ENTRIES + 2 * line;
	*IOAPIC_WINDOW = low;
}

/* To the command port: the interrupt is over; IRR can be read there. */
#define PIC_END		  0x20
#define PIC_READ_REQUESTS 0x0a

/* To LINT0 of the local APIC: their interrupt is taken, or not. */
#define LVT_EXTINT 0x700
#define LVT_MASKED 0x10000

#define PIC_TIMER_ALONE 0xfe /* to the data port: every other line is masked */

/* Both bytes of counters 0 and 2: their control words. */
#define PIT_0_ONCE     0x30 /* mode 0: high at the end */
#define PIT_0_PERIODIC 0x34
#define PIT_2_ONCE     0xb0

#define PIT_0 PIT_PORT
#define PIT_2 (PIT_PORT + 2)

#define PIT_MILLISECOND 1193

static inline void pit_count(uint8_t control, uint16_t port, uint16_t count)
{
	out8(PIT_CONTROL_PORT, control);
	out8(port, (uint8_t)count);
	out8(port, (uint8_t)(count >> 8));
}

/* Its output low for good. */
static inline void pit_stop_0(void)
{
	out8(PIT_CONTROL_PORT, PIT_0_ONCE);
}

/* What waits of the first controller's lines. */
static inline uint8_t pic_requests(void)
{
	out8(PIC_FIRST_COMMAND, PIC_READ_REQUESTS);
	return in8(PIC_FIRST_COMMAND);
}

/*
 * Returns when the first controller asks for the timer's interrupt; the one before is over.  Bochs
 * interrupts no hypervisor whose guest was entered with interrupts off.
 */
static inline void pit_raise_0(void)
{
	out8(PIC_FIRST_DATA, UINT8_MAX);
	pit_count(PIT_0_ONCE, PIT_0, PIT_MILLISECOND);
	sti();
	while (!(pic_requests() & 1))
		;
	cli();
	out8(PIC_FIRST_DATA, PIC_TIMER_ALONE);
}

#define SPEAKER	       0x61
#define SPEAKER_GATE   0x01 /* of counter 2 */
#define SPEAKER_OUTPUT 0x20 /* of counter 2 */

/* One of the pair, with all lines masked: where its vectors begin, and how it is wired. */
static inline void pic_initialize(uint16_t command, uint8_t vector, uint8_t cascade)
{
	uint16_t data = command + 1;

	out8(command, 0x11);
	out8(data, vector);
	out8(data, cascade);
	out8(data, 0x01);
	out8(data, 0xff);
}

#endif
