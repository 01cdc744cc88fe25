#include "l1vmm/lib/printf.h"

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/lib/string.h"

/* The longest number: 20 decimal digits of 2^64. */
#define DIGITS_MAX 20

struct output {
	char *buffer;
	size_t size;
	size_t length; /* of the whole text, also of what did not fit */
};

struct directive {
	bool left, zero;
	bool wide;	  /* the argument has 64 bits */
	size_t width;	  /* fewest characters */
	size_t precision; /* most characters of a string */
};

static void put(struct output *out, char c)
{
	if (out->length + 1 < out->size)
		out->buffer[out->length] = c;
	out->length++;
}

static void put_repeated(struct output *out, char c, size_t count)
{
	while (count-- > 0)
		put(out, c);
}

static void put_text(struct output *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		put(out, text[i]);
}

static void put_field(struct output *out, const struct directive *d, const char *prefix,
		      const char *text, size_t length)
{
	size_t used = strlen(prefix) + length;
	size_t padding = d->width > used ? d->width - used : 0;
	bool zeros = d->zero && !d->left;

	if (!zeros && !d->left)
		put_repeated(out, ' ', padding);
	put_text(out, prefix, strlen(prefix));
	if (zeros)
		put_repeated(out, '0', padding);
	put_text(out, text, length);
	if (d->left)
		put_repeated(out, ' ', padding);
}

static void put_number(struct output *out, const struct directive *d, const char *prefix,
		       uint64_t value, unsigned int base)
{
	char digits[DIGITS_MAX];
	size_t start = sizeof(digits);

	do {
		digits[--start] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	put_field(out, d, prefix, digits + start, sizeof(digits) - start);
}

static void put_signed(struct output *out, const struct directive *d, int64_t value)
{
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

	put_number(out, d, value < 0 ? "-" : "", magnitude, 10);
}

static void put_string(struct output *out, struct directive *d, const char *text)
{
	size_t length = 0;

	if (!text)
		text = "(null)";
	while (length < d->precision && text[length])
		length++;
	d->zero = false;
	put_field(out, d, "", text, length);
}

static size_t parse_number(const char **cursor)
{
	size_t number = 0;

	while (**cursor >= '0' && **cursor <= '9')
		number = number * 10 + (size_t)(*(*cursor)++ - '0');
	return number;
}

/* Reads flags, width, precision and length; leaves `cursor` at the conversion. */
static struct directive parse_directive(const char **cursor, va_list *arguments)
{
	struct directive d = {.precision = SIZE_MAX};

	for (;; (*cursor)++) {
		if (**cursor == '-')
			d.left = true;
		else if (**cursor == '0')
			d.zero = true;
		else
			break;
	}
	d.width = parse_number(cursor);
	if (**cursor == '.') {
		(*cursor)++;
		if (**cursor == '*') {
			int precision = va_arg(*arguments, int);

			(*cursor)++;
			d.precision = precision < 0 ? SIZE_MAX : (size_t)precision;
		} else {
			d.precision = parse_number(cursor);
		}
	}
	for (; **cursor == 'l' || **cursor == 'z'; (*cursor)++)
		d.wide = true;
	return d;
}

/* Writes one argument; false where the conversion is none of ours. */
static bool put_argument(struct output *out, struct directive *d, char conversion,
			 va_list *arguments)
{
	switch (conversion) {
	case 'c': {
		char c = (char)va_arg(*arguments, int);

		d->zero = false;
		put_field(out, d, "", &c, 1);
		return true;
	}
	case 's':
		put_string(out, d, va_arg(*arguments, const char *));
		return true;
	case 'd':
		put_signed(out, d, d->wide ? va_arg(*arguments, int64_t) : va_arg(*arguments, int));
		return true;
	case 'u':
	case 'x':
		put_number(out, d, "",
			   d->wide ? va_arg(*arguments, uint64_t)
				   : va_arg(*arguments, unsigned int),
			   conversion == 'u' ? 10 : 16);
		return true;
	case 'p':
		put_number(out, d, "0x", (uintptr_t)va_arg(*arguments, void *), 16);
		return true;
	case '%':
		put(out, '%');
		return true;
	default:
		return false;
	}
}

size_t vformat(char *buffer, size_t size, const char *text, va_list arguments)
{
	struct output out = {.buffer = buffer, .size = size};
	va_list rest;

	va_copy(rest, arguments);
	while (*text) {
		const char *start = text;

		if (*text++ != '%') {
			put(&out, *start);
			continue;
		}

		struct directive d = parse_directive(&text, &rest);

		if (put_argument(&out, &d, *text, &rest))
			text++;
		else
			put_text(&out, start, (size_t)(text - start));
	}
	va_end(rest);
	if (size)
		buffer[out.length < size ? out.length : size - 1] = '\0';
	return out.length;
}

size_t format(char *buffer, size_t size, const char *text, ...)
{
	va_list arguments;

	va_start(arguments, text);
	size_t length = vformat(buffer, size, text, arguments);
	va_end(arguments);
	return length;
}
