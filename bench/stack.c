#include "bench/stack.h"

#include "l1vmm/lib/cmdline.h"

#include <ctype.h>
#include <string.h>

bool stack_valid_name(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
	size_t length = strspn(text, letters);

	return length >= 1 && length <= STACK_MAX_NAME && text[length] == '\0' &&
	       isalnum((unsigned char)text[0]);
}

/* A level ends at a '/' that stands alone between blanks, or at the end of the text. */
static size_t level_length(const char *text)
{
	for (size_t i = 0; text[i] != '\0'; i++) {
		bool blank_before = i == 0 || isblank((unsigned char)text[i - 1]);
		bool blank_after = text[i + 1] == '\0' || isblank((unsigned char)text[i + 1]);
		if (text[i] == '/' && blank_before && blank_after)
			return i;
	}
	return strlen(text);
}

static size_t trimmed_length(const char *text, size_t length)
{
	while (length > 0 && isblank((unsigned char)text[length - 1]))
		length--;
	return length;
}

static int parse_level(struct stack_level *level, const char *text, size_t length, unsigned number,
		       struct vmfee_error *err)
{
	size_t name = 0;
	while (name < length && !isblank((unsigned char)text[name]))
		name++;
	if (name == 0)
		return vmfee_fail(err, VMFEE_USAGE, "level %u of the stack names no image", number);
	if (name > STACK_MAX_NAME)
		return vmfee_fail(err, VMFEE_USAGE,
				  "the image name of level %u is longer than %d characters", number,
				  STACK_MAX_NAME);
	memcpy(level->image, text, name);
	level->image[name] = '\0';
	if (!stack_valid_name(level->image))
		return vmfee_fail(
			err, VMFEE_USAGE,
			"'%s' cannot be an image: lower-case letters, digits, '-', '_' and '.' "
			"make a name",
			level->image);

	size_t start = name;
	while (start < length && isblank((unsigned char)text[start]))
		start++;
	size_t cmdline = length - start;
	if (cmdline > STACK_MAX_CMDLINE)
		return vmfee_fail(err, VMFEE_USAGE,
				  "the command line of '%s' is longer than %d characters",
				  level->image, STACK_MAX_CMDLINE);
	memcpy(level->cmdline, text + start, cmdline);
	level->cmdline[cmdline] = '\0';
	return 0;
}

int stack_parse(struct stack *stack, const char *text, struct vmfee_error *err)
{
	stack->levels = 0;
	for (;;) {
		text += strspn(text, " \t");
		size_t length = level_length(text);

		if (stack->levels == STACK_MAX_LEVELS)
			return vmfee_fail(err, VMFEE_USAGE, "a stack has at most %d levels",
					  STACK_MAX_LEVELS);
		if (parse_level(&stack->level[stack->levels], text, trimmed_length(text, length),
				stack->levels, err) != 0)
			return -1;
		stack->levels++;

		if (text[length] == '\0')
			return 0;
		text += length + 1;
	}
}

unsigned stack_level_cpus(const struct stack_level *level)
{
	char value[8];
	uint64_t cpus;

	if (cmdline_get(level->cmdline, "cpus", value, sizeof(value)) != CMDLINE_FOUND ||
	    !cmdline_number(value, strlen(value), &cpus) || cpus < 1 || cpus > STACK_MAX_CPUS)
		return 1;
	return (unsigned)cpus;
}

unsigned stack_cpus(const struct stack *stack)
{
	return stack_level_cpus(&stack->level[0]);
}
