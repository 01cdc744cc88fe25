#include "bench/html_part.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void html_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

void html_format(FILE *out, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	html_text(out, text);
}

void html_table_begin(const struct page *page, const char *caption, const char *headings)
{
	fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"", page->out);
	html_text(page->out, caption);
	fputs("\">\n<table>\n<caption>", page->out);
	html_text(page->out, caption);
	fputs("</caption>\n<thead><tr>", page->out);
	while (*headings != '\0') {
		size_t length = strcspn(headings, "|");
		bool left = headings[0] == '<';
		fprintf(page->out, "<th scope=\"col\"%s>", left ? " class=\"text\"" : "");
		html_format(page->out, "%.*s", (int)length - left, headings + left);
		fputs("</th>", page->out);
		headings += length + (headings[length] == '|');
	}
	fputs("</tr></thead>\n<tbody>", page->out);
}

/* Rows are not closed: HTML knows where they end. */
void html_row(const struct page *page, const char *name)
{
	fputs("\n<tr><th scope=\"row\">", page->out);
	html_text(page->out, name);
	fputs("</th>", page->out);
}

void html_number(const struct page *page, double number)
{
	/* As in a table of text, what rounds to nothing has no sign. */
	if (number > -0.05 && number < 0)
		number = 0;
	fprintf(page->out, "<td>%.1f</td>", number);
}

void html_count(const struct page *page, uint64_t number)
{
	fprintf(page->out, "<td>%" PRIu64 "</td>", number);
}

void html_share(const struct page *page, double part, double whole)
{
	if (whole == 0)
		html_none(page);
	else
		fprintf(page->out, "<td>%.1f %%</td>", 100 * part / whole);
}

void html_none(const struct page *page)
{
	fputs("<td>–</td>", page->out);
}

void html_cell(const struct page *page, const char *text)
{
	fputs("<td class=\"text\">", page->out);
	html_text(page->out, text);
	fputs("</td>", page->out);
}

void html_table_end(const struct page *page)
{
	fputs("\n</tbody></table></div>\n", page->out);
}
