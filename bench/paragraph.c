#include "bench/paragraph.h"

#include <stdarg.h>
#include <string.h>

void paragraph(FILE *out, unsigned width, const char *fmt, ...)
{
	char text[1024];
	char *rest = text;
	size_t column = 0;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (const char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
		if (column > 0 && column + strlen(" ") + strlen(word) > width)
			column = (size_t)fprintf(out, "\n  %s", word) - strlen("\n");
		else
			column += (size_t)fprintf(out, "%s%s", column == 0 ? "" : " ", word);
	}
	fputc('\n', out);
}
