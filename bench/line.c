#include "bench/line.h"
#include "bench/stack.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The text of a data line, without bars and '@', cut into the word and its pairs. */
static int split(struct line *line, char *text, struct vmfee_error *err)
{
	line->word = text;
	for (char *space = strchr(text, ' '); space != NULL; space = strchr(space, ' ')) {
		*space++ = '\0';
		if (line->pairs == LINE_MAX_PAIRS)
			return vmfee_fail(err, VMFEE_GUEST, "more than %d key=value pairs",
					  LINE_MAX_PAIRS);
		char *equals = strpbrk(space, "= ");
		if (equals == NULL || *equals != '=' || equals == space)
			return vmfee_fail(err, VMFEE_GUEST, "'%.*s' is no key=value",
					  (int)strcspn(space, " "), space);
		line->pair[line->pairs].key = space;
		line->pair[line->pairs].value = equals + 1;
		line->pairs++;
		*equals = '\0';
		space = equals + 1;
	}
	for (unsigned i = 0; i < line->pairs; i++)
		for (unsigned j = 0; j < i; j++)
			if (strcmp(line->pair[i].key, line->pair[j].key) == 0)
				return vmfee_fail(err, VMFEE_GUEST, "key '%s' is given twice",
						  line->pair[i].key);
	return 0;
}

int line_parse(struct line *line, const char *bytes, size_t length, struct vmfee_error *err)
{
	line->depth = 0;
	line->word = NULL;
	line->pairs = 0;
	while (length > 0 && bytes[0] == '|') {
		line->depth++;
		bytes++;
		length--;
	}
	if (length > LINE_MAX_BYTES)
		return vmfee_fail(err, VMFEE_GUEST, "longer than %d bytes", LINE_MAX_BYTES);
	if (length == 0 || bytes[0] != '@')
		return 0;

	for (size_t i = 0; i < length; i++)
		if (!isprint((unsigned char)bytes[i]))
			return vmfee_fail(err, VMFEE_GUEST, "byte 0x%02x in a data line",
					  (unsigned char)bytes[i]);
	memcpy(line->text, bytes + 1, length - 1);
	line->text[length - 1] = '\0';
	return split(line, line->text, err);
}

const char *line_find(const struct line *line, const char *key)
{
	for (unsigned i = 0; i < line->pairs; i++)
		if (strcmp(line->pair[i].key, key) == 0)
			return line->pair[i].value;
	return NULL;
}

const char *line_value(const struct line *line, const char *key, struct vmfee_error *err)
{
	const char *value = line_find(line, key);

	if (value != NULL && value[0] != '\0')
		return value;
	vmfee_fail(err, VMFEE_GUEST, "@%s without %s=", line->word, key);
	return NULL;
}

const char *line_name(const struct line *line, const char *key, struct vmfee_error *err)
{
	const char *value = line_value(line, key, err);
	char lower[STACK_MAX_NAME + 2];
	size_t i = 0;

	if (value == NULL)
		return NULL;
	for (; value[i] != '\0' && i <= STACK_MAX_NAME; i++)
		lower[i] = (char)tolower((unsigned char)value[i]);
	lower[i] = '\0';
	if (stack_valid_name(lower))
		return value;
	vmfee_fail(err, VMFEE_GUEST, "'%.40s' cannot be a name", value);
	return NULL;
}

bool line_digits(const char **text, uint64_t *number)
{
	bool hex = (*text)[0] == '0' && (*text)[1] == 'x';
	const char *digits = *text + (hex ? 2 : 0);
	char *end;

	/* strtoull() would take signs, blanks and a second 0x. */
	if (hex ? !isxdigit((unsigned char)digits[0]) || digits[1] == 'x'
		: !isdigit((unsigned char)digits[0]))
		return false;
	errno = 0;
	*number = strtoull(digits, &end, hex ? 16 : 10);
	*text = end;
	return errno == 0;
}

int line_number(const struct line *line, const char *key, uint64_t low, uint64_t high,
		uint64_t *number, struct vmfee_error *err)
{
	const char *value = line_value(line, key, err);

	if (value == NULL)
		return -1;
	const char *end = value;
	if (!line_digits(&end, number) || *end != '\0')
		return vmfee_fail(err, VMFEE_GUEST, "%s='%.40s' is no number", key, value);
	if (*number < low || *number > high)
		return vmfee_fail(err, VMFEE_GUEST, "%s=%s is outside %" PRIu64 " to %" PRIu64, key,
				  value, low, high);
	return 0;
}
