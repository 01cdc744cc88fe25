#include "l1vmm/arch/console.h"

#include <stdarg.h>
#include <stdbool.h>

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/ports.h"
#include "l1vmm/arch/spin.h"
#include "l1vmm/lib/printf.h"
#include "l1vmm/lib/string.h"

/* In turns of PAUSE; one who dies while he writes does not silence the others. */
#define LONGEST_WAIT 1000000

/* So that no line comes in the middle of another processor's. */
static bool writing;

void console_write(const char *text, size_t length)
{
	for (uint32_t turn = 0; turn < LONGEST_WAIT && !spin_try(&writing); turn++)
		pause();
	outs8(PORT_CONSOLE, text, length);
	spin_unlock(&writing);
}

void printk(const char *text, ...)
{
	static const char cut[] = "~\n";
	char line[CONSOLE_LINE_MAX + 1];
	va_list arguments;

	va_start(arguments, text);
	size_t length = vformat(line, sizeof(line), text, arguments);
	va_end(arguments);
	if (length > CONSOLE_LINE_MAX) {
		length = CONSOLE_LINE_MAX;
		memcpy(line + length - strlen(cut), cut, strlen(cut));
	}
	console_write(line, length);
}
