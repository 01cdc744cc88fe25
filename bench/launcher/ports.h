/*
 * The ports that images use (docs/architecture.md), and a serial port that only sends.
 */
#ifndef BENCH_LAUNCHER_PORTS_H
#define BENCH_LAUNCHER_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the console goes. */
struct ports_output {
	void (*write)(void *ctx, const char *bytes, size_t length);
	void *ctx;
};

enum ports_event {
	PORTS_GO_ON,
	PORTS_LINE,	    /* at least one line of the console is whole */
	PORTS_POWEROFF,	    /* the guest has asked for its end */
	PORTS_BAD_POWEROFF, /* it wrote something else where it would */
};

struct ports {
	struct ports_output output;
	bool bare; /* its lines go without a bar: nobody else writes to the console */
	bool inside_line;
	uint8_t status; /* what the guest said of itself last */
	size_t matched; /* bytes of "Shutdown" */
};

/* An OUT of `count` items of `size` bytes each. */
enum ports_event ports_write(struct ports *ports, uint16_t port, unsigned size, const uint8_t *data,
			     uint32_t count);

/* Ends a line that the guest has left unfinished, so that the next one is not part of it. */
void ports_end_line(struct ports *ports);

/* An IN: fills data. */
void ports_read(uint16_t port, unsigned size, uint8_t *data, uint32_t count);

#endif
