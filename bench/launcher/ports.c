#include "bench/launcher/ports.h"

#include "l1vmm/arch/ports.h"

#include <string.h>

/* A 16550 whose transmitter is always ready: data, and the line status register. */
#define PORT_SERIAL	   0x3f8
#define PORT_SERIAL_STATUS 0x3fd
#define SERIAL_READY	   0x60

/* The guest's depth is told by a bar before each of its lines. */
static bool console(struct ports *ports, const char *bytes, size_t length)
{
	bool line = false;

	while (length > 0) {
		const char *newline = memchr(bytes, '\n', length);
		size_t part = newline == NULL ? length : (size_t)(newline - bytes) + 1;
		if (!ports->inside_line && !ports->bare)
			ports->output.write(ports->output.ctx, "|", 1);
		ports->output.write(ports->output.ctx, bytes, part);
		ports->inside_line = newline == NULL;
		line |= newline != NULL;
		bytes += part;
		length -= part;
	}
	return line;
}

static enum ports_event poweroff(struct ports *ports, uint8_t byte)
{
	static const char word[] = SHUTDOWN_TEXT;

	if (byte != (uint8_t)word[ports->matched])
		return PORTS_BAD_POWEROFF;
	return word[++ports->matched] == '\0' ? PORTS_POWEROFF : PORTS_GO_ON;
}

enum ports_event ports_write(struct ports *ports, uint16_t port, unsigned size, const uint8_t *data,
			     uint32_t count)
{
	enum ports_event event = PORTS_GO_ON;

	if ((port == PORT_CONSOLE || port == PORT_SERIAL) && size == 1)
		return console(ports, (const char *)data, count) ? PORTS_LINE : PORTS_GO_ON;
	for (uint32_t i = 0; i < count && event == PORTS_GO_ON; i++) {
		if (port == PORT_STATUS)
			ports->status = data[(size_t)i * size];
		if (port == PORT_SHUTDOWN)
			event = poweroff(ports, data[(size_t)i * size]);
	}
	return event;
}

void ports_end_line(struct ports *ports)
{
	if (ports->inside_line)
		ports->output.write(ports->output.ctx, "\n", 1);
	ports->inside_line = false;
}

void ports_read(uint16_t port, unsigned size, uint8_t *data, uint32_t count)
{
	/* Nobody drives the bus. */
	memset(data, 0xff, (size_t)size * count);
	for (uint32_t i = 0; i < count && port == PORT_SERIAL_STATUS; i++)
		data[(size_t)i * size] = SERIAL_READY;
}
