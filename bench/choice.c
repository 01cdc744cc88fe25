#include "bench/choice.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Alternatives between two braces: how many, or 0 where one is empty. */
static unsigned alternatives(const char *list, size_t length)
{
	unsigned count = 1;
	size_t since = 0;

	for (size_t i = 0; i < length; i++, since++) {
		if (list[i] != ',')
			continue;
		if (since == 0)
			return 0;
		count++;
		since = (size_t)-1;
	}
	return since == 0 ? 0 : count;
}

int choice_cells(const char *notation, struct vmfee_error *err)
{
	unsigned long cells = 1;
	unsigned dimensions = 0;

	for (const char *at = notation; *at != '\0'; at++) {
		if (*at == '}')
			return vmfee_fail(err, VMFEE_USAGE, "levels has a '}' without its '{'");
		if (*at != '{')
			continue;
		size_t length = strcspn(at + 1, "{}");
		unsigned count = alternatives(at + 1, length);
		if (at[1 + length] != '}')
			return vmfee_fail(err, VMFEE_USAGE, "levels has a '{' without its '}'");
		if (count == 0)
			return vmfee_fail(err, VMFEE_USAGE,
					  "levels has an empty alternative in {%.*s}", (int)length,
					  at + 1);
		if (++dimensions > CHOICE_MAX)
			return vmfee_fail(err, VMFEE_USAGE, "levels has more than %d choices",
					  CHOICE_MAX);
		cells *= count; /* each below 200, so that eight of them fit */
		at += 1 + length;
	}
	return cells > 1000 ? vmfee_fail(err, VMFEE_USAGE, "levels stands for %lu stacks", cells)
			    : (int)cells;
}

/* Text that grows in a buffer, and notices where it no longer fits. */
struct text {
	char *bytes;
	size_t size, used;
};

static void add(struct text *text, const char *bytes, size_t length)
{
	if (text->used + length < text->size)
		memcpy(text->bytes + text->used, bytes, length);
	text->used += length;
}

static void add_to_name(struct text *name, const char *bytes, size_t length)
{
	add(name, "-", 1);
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		bool fits = islower(byte) || isdigit(byte) || byte == '.' || byte == '_';
		add(name, fits ? &bytes[i] : "-", 1);
	}
}

/* The alternative of that number in a list. */
static const char *pick(const char *list, unsigned number, size_t *length)
{
	for (; number > 0; number--)
		list += strcspn(list, ",") + 1;
	*length = strcspn(list, ",}");
	return list;
}

/* The same of a list that choice_cells() has taken, which has one. */
static unsigned choices(const char *list, size_t length)
{
	unsigned count = alternatives(list, length);

	return count == 0 ? 1 : count;
}

/* How many combinations there are of all choices behind this place. */
static unsigned behind(const char *at)
{
	unsigned cells = 1;

	for (at = strchr(at, '{'); at != NULL; at = strchr(at, '{')) {
		size_t length = strcspn(++at, "}");
		cells *= choices(at, length);
	}
	return cells;
}

static int finish(struct text *text, const char *what, struct vmfee_error *err)
{
	if (text->used < text->size) {
		text->bytes[text->used] = '\0';
		return 0;
	}
	return vmfee_fail(err, VMFEE_USAGE, "%s has more than %zu characters", what,
			  text->size - 1);
}

int choice_cell(const char *notation, unsigned number, char *cell, size_t size, char *suffix,
		size_t suffix_size, struct vmfee_error *err)
{
	struct text levels = {.bytes = cell, .size = size};
	struct text name = {.bytes = suffix, .size = suffix_size};

	for (const char *at = notation; *at != '\0'; at++) {
		if (*at != '{') {
			add(&levels, at, 1);
			continue;
		}
		const char *end = strchr(at, '}');
		unsigned inner = behind(end);
		unsigned choice = number / inner % choices(at + 1, (size_t)(end - at - 1));
		size_t length;
		const char *alternative = pick(at + 1, choice, &length);
		add(&levels, alternative, length);
		add_to_name(&name, alternative, length);
		at = end;
	}
	return finish(&levels, "levels", err) != 0 ? -1 : finish(&name, "the name of a cell", err);
}
