#include "l1vmm/dev/console.h"

#include "l1vmm/arch/console.h"

#define GUEST_MARK '|'

/* A mark, a line of a guest, and a newline. */
static char line[CONSOLE_LINE_MAX + 64];
static size_t used;

void guest_console_flush(void)
{
	if (!used)
		return;
	line[used++] = '\n';
	console_write(line, used);
	used = 0;
}

/* A line longer than the buffer is passed on in pieces, each with its mark. */
void guest_console_write(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!used)
			line[used++] = GUEST_MARK;
		if (data[i] == '\n')
			guest_console_flush();
		else
			line[used++] = data[i];
		if (used == sizeof(line) - 1)
			guest_console_flush();
	}
}
