#include "l1vmm/dev/pit.h"

#include <stddef.h>

#include "l1vmm/lib/string.h"

/* The control word. */
#define CONTROL_COUNTER(word) ((word) >> 6)
#define CONTROL_ACCESS(word)  ((word) >> 4 & 3)
#define CONTROL_MODE(word)    ((word) >> 1 & 7)
#define CONTROL_BCD	      0x01
#define READ_BACK	      3 /* in place of a counter */
#define READ_BACK_NO_COUNT    0x20
#define READ_BACK_NO_STATUS   0x10
#define LATCH		      0 /* in place of an access */

#define STATUS_OUTPUT	  0x80
#define STATUS_NULL_COUNT 0x40

enum {
	ON_TERMINAL_COUNT,
	ONE_SHOT, /* by a trigger of the gate */
	RATE,
	SQUARE_WAVE,
	STROBE,
	TRIGGERED_STROBE, /* by one of the gate */
};

void pit_reset(struct pit *pit)
{
	memset(pit, 0, sizeof(*pit));
	for (unsigned i = 0; i < PIT_COUNTERS; i++) {
		pit->counter[i].access = 3;
		pit->counter[i].gate = i < 2;
	}
}

static bool is_periodic(const struct pit_counter *c)
{
	return c->mode == RATE || c->mode == SQUARE_WAVE;
}

static bool is_triggered(const struct pit_counter *c)
{
	return c->mode == ONE_SHOT || c->mode == TRIGGERED_STROBE;
}

/* How far it has counted.  A closed gate holds it, but where the gate is a trigger. */
static uint64_t passed(const struct pit_counter *c, uint64_t now)
{
	if (!c->gate && !is_triggered(c))
		return c->held;
	return now > c->start ? now - c->start : 0;
}

static bool output(const struct pit_counter *c, uint64_t now)
{
	uint64_t ticks = passed(c, now);

	if (!c->running)
		return c->mode != ON_TERMINAL_COUNT;
	switch (c->mode) {
	case ON_TERMINAL_COUNT:
	case ONE_SHOT:
		return ticks >= c->count;
	case RATE:
		return !c->gate || ticks % c->count != c->count - 1;
	case SQUARE_WAVE:
		return !c->gate || ticks % c->count < (c->count + 1) / 2;
	default:
		return ticks != c->count;
	}
}

/* What is left of the count, as it is read. */
static uint32_t value(const struct pit_counter *c, uint64_t now)
{
	uint32_t modulus = c->bcd ? 10000 : 0x10000;
	uint64_t ticks = passed(c, now);

	if (!c->running)
		return c->count % modulus;
	if (c->mode == RATE)
		return (uint32_t)(c->count - ticks % c->count) % modulus;
	if (c->mode == SQUARE_WAVE) /* by twos, once for each half */
		return (uint32_t)(c->count - 2 * ticks % c->count) % modulus & ~1u;
	return (uint32_t)(c->count + modulus - ticks % modulus) % modulus;
}

static uint16_t to_bcd(uint32_t number)
{
	uint16_t digits = 0;

	for (unsigned i = 0; i < 4; i++, number /= 10)
		digits |= (uint16_t)(number % 10 << 4 * i);
	return digits;
}

/* A digit above 9 counts for what it is. */
static uint32_t from_bcd(uint16_t digits)
{
	uint32_t number = 0;

	for (unsigned i = 4; i-- > 0;)
		number = number * 10 + (digits >> 4 * i & 0xf);
	return number;
}

static void latch_count(struct pit_counter *c, uint64_t now)
{
	uint32_t number = value(c, now);

	if (c->unread)
		return; /* the first of two is the one that stays */
	c->latched = c->bcd ? to_bcd(number) : (uint16_t)number;
	c->unread = c->access == 3 ? 2 : 1;
}

static void latch_status(struct pit_counter *c, uint64_t now)
{
	if (c->status_latched)
		return;
	c->status_latched = true;
	c->status = (uint8_t)((output(c, now) ? STATUS_OUTPUT : 0) |
			      (c->loaded ? 0 : STATUS_NULL_COUNT) | c->access << 4 | c->mode << 1 |
			      (c->bcd ? CONTROL_BCD : 0));
}

static void read_back(struct pit *pit, uint8_t word, uint64_t now)
{
	for (unsigned i = 0; i < PIT_COUNTERS; i++) {
		if (!(word & 2u << i))
			continue;
		if (!(word & READ_BACK_NO_COUNT))
			latch_count(&pit->counter[i], now);
		if (!(word & READ_BACK_NO_STATUS))
			latch_status(&pit->counter[i], now);
	}
}

static void write_control(struct pit *pit, uint8_t word, uint64_t now)
{
	struct pit_counter *c = &pit->counter[CONTROL_COUNTER(word) % PIT_COUNTERS];
	uint8_t mode = CONTROL_MODE(word);

	if (CONTROL_COUNTER(word) == READ_BACK) {
		read_back(pit, word, now);
		return;
	}
	if (CONTROL_ACCESS(word) == LATCH) {
		latch_count(c, now);
		return;
	}
	*c = (struct pit_counter){
		.mode = mode > TRIGGERED_STROBE ? mode - 4 : mode, /* 6 and 7 are 2 and 3 */
		.access = CONTROL_ACCESS(word),
		.bcd = word & CONTROL_BCD,
		.gate = c->gate,
	};
}

/*
 * A new count begins at once, but for a period that runs, behind which it comes, and for a trigger,
 * which it waits for.
 */
static void load(struct pit_counter *c, uint16_t number, uint64_t now)
{
	uint32_t count = c->bcd ? from_bcd(number) : number;
	uint64_t begin = now;

	if (is_periodic(c) && c->running && c->gate && now >= c->start)
		begin = c->start + (passed(c, now) / c->count + 1) * c->count;
	c->count = count ? count : c->bcd ? 10000 : 0x10000;
	if (is_periodic(c) && c->count == 1)
		c->count = 2; /* the least that they can do */
	c->loaded = true;
	if (is_triggered(c))
		return;
	c->running = true;
	c->start = begin;
	c->held = 0;
}

void pit_write(struct pit *pit, uint16_t port, uint8_t byte, uint64_t now)
{
	struct pit_counter *c = &pit->counter[(port - PIT_PORT) % PIT_COUNTERS];

	if (port == PIT_CONTROL_PORT) {
		write_control(pit, byte, now);
		return;
	}
	switch (c->access) {
	case 1:
		load(c, byte, now);
		return;
	case 2:
		load(c, (uint16_t)(byte << 8), now);
		return;
	}
	c->half_written = !c->half_written;
	if (c->half_written) {
		c->low = byte;
		if (c->mode == ON_TERMINAL_COUNT)
			c->running = false; /* the first byte stops it */
	} else {
		load(c, (uint16_t)(byte << 8 | c->low), now);
	}
}

/* Of what is latched the low byte comes first; else the bytes of the count as it is. */
static uint8_t read_count(struct pit_counter *c, uint64_t now)
{
	uint32_t number = value(c, now);
	uint16_t digits = c->bcd ? to_bcd(number) : (uint16_t)number;
	bool high = c->access == 2;

	if (c->unread) {
		digits = c->latched;
		high |= c->access == 3 && c->unread == 1;
		c->unread--;
	} else if (c->access == 3) {
		high = c->half_read;
		c->half_read = !c->half_read;
	}
	return (uint8_t)(high ? digits >> 8 : digits);
}

uint8_t pit_read(struct pit *pit, uint16_t port, uint64_t now)
{
	struct pit_counter *c = &pit->counter[(port - PIT_PORT) % PIT_COUNTERS];

	if (port == PIT_CONTROL_PORT)
		return 0xff;
	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	return read_count(c, now);
}

void pit_set_gate(struct pit *pit, unsigned counter, bool open, uint64_t now)
{
	struct pit_counter *c = &pit->counter[counter];

	if (open == c->gate)
		return;
	if (!open)
		c->held = passed(c, now);
	c->gate = open;
	if (!open || !c->loaded)
		return;
	if (is_triggered(c))
		c->running = true;
	c->start = is_triggered(c) || is_periodic(c) ? now : now - c->held;
}

bool pit_output(const struct pit *pit, unsigned counter, uint64_t now)
{
	return output(&pit->counter[counter], now);
}

uint64_t pit_next_rise(const struct pit *pit, unsigned counter, uint64_t now)
{
	const struct pit_counter *c = &pit->counter[counter];
	uint64_t ticks = passed(c, now), rise = c->count;

	if (!c->running || (!c->gate && !is_triggered(c)))
		return PIT_NEVER;
	if (is_periodic(c) && now < c->start) /* the end of the period before */
		return c->start;
	if (is_periodic(c))
		rise = (ticks / c->count + 1) * c->count;
	else if (c->mode == STROBE || c->mode == TRIGGERED_STROBE)
		rise = (uint64_t)c->count + 1;
	return rise > ticks ? c->start + rise : PIT_NEVER;
}
