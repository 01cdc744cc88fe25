#include "l1vmm/arch/console.h"

#include <stdarg.h>

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/ports.h"
#include "l1vmm/lib/printf.h"
#include "l1vmm/lib/string.h"

void console_write(const char *text, size_t length)
{
	outs8(PORT_CONSOLE, text, length);
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
