#include "l1vmm/dev/console.h"

#include <stdbool.h>

#include "l1vmm/arch/console.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/boot/layout.h"

#define GUEST_MARK '|'

/* A mark, a line of a guest, and a newline. */
static struct {
	char text[CONSOLE_LINE_MAX + 64];
	size_t used;
} lines[MAX_CPUS];

static void pass_on(uint32_t id)
{
	if (!lines[id].used)
		return;
	lines[id].text[lines[id].used++] = '\n';
	console_write(lines[id].text, lines[id].used);
	lines[id].used = 0;
}

void guest_console_flush(void)
{
	for (uint32_t id = 0; id < MAX_CPUS; id++)
		pass_on(id);
}

/* A line longer than the buffer is passed on in pieces, each with its mark. */
void guest_console_write(uint32_t id, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!lines[id].used)
			lines[id].text[lines[id].used++] = GUEST_MARK;
		if (data[i] == '\n')
			pass_on(id);
		else
			lines[id].text[lines[id].used++] = data[i];
		if (lines[id].used == sizeof(lines[id].text) - 1)
			pass_on(id);
	}
}
