/*
 * The interval timer of a PC (8254), plain C: three counters.  Time comes from outside, in ticks of
 * its own clock, which all functions are told.  Words are those of Intel's data sheet, order number
 * 231164.
 */
#ifndef L1VMM_DEV_PIT_H
#define L1VMM_DEV_PIT_H

#include <stdbool.h>
#include <stdint.h>

#define PIT_COUNTERS 3
#define PIT_HZ	     1193182u

/* The I/O ports: a counter each, and the control word. */
#define PIT_PORT	 0x40
#define PIT_CONTROL_PORT 0x43

#define PIT_NEVER UINT64_MAX

struct pit_counter {
	uint8_t mode;	/* 0 to 5 */
	uint8_t access; /* of the two bytes: 1 low, 2 high, 3 low and then high */
	bool bcd, gate;
	bool loaded;  /* it has had a count since its control word */
	bool running; /* and, where that takes one, a trigger */
	bool half_written, half_read;
	uint8_t low;	/* the half that has been written */
	uint8_t unread; /* latched bytes that have not been read */
	uint16_t latched;
	bool status_latched;
	uint8_t status;
	uint32_t count; /* 1 to 0x10000, or 10000 with `bcd` */
	uint64_t start; /* when it was loaded or triggered */
	uint64_t held;	/* ticks that had passed when the gate closed */
};

struct pit {
	struct pit_counter counter[PIT_COUNTERS];
};

/* No counter counts; the gates of the first two are open for good. */
void pit_reset(struct pit *pit);

/* Access to one of the four ports from PIT_PORT on; the control word reads as all ones. */
uint8_t pit_read(struct pit *pit, uint16_t port, uint64_t now);
void pit_write(struct pit *pit, uint16_t port, uint8_t byte, uint64_t now);

/* Opens or closes the gate of a counter. */
void pit_set_gate(struct pit *pit, unsigned counter, bool open, uint64_t now);

/* The output of a counter. */
bool pit_output(const struct pit *pit, unsigned counter, uint64_t now);

/* When the output of a counter next goes from low to high, later than `now`; PIT_NEVER. */
uint64_t pit_next_rise(const struct pit *pit, unsigned counter, uint64_t now);

#endif
