#include "bench/generation.h"
#include "bench/stack.h"

#include "l1vmm/lib/cmdline.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct generation {
	const char *name, *text, *switches;
} generations[] = {
#define GENERATION(name, text, switches) {#name, text, switches},
#include "bench/generation.def"
#undef GENERATION
};

enum { GENERATIONS = sizeof(generations) / sizeof(generations[0]) };

static const struct generation *find(const struct cmdline_token *token, struct vmfee_error *err)
{
	char list[128] = "";

	for (int i = 0; i < GENERATIONS; i++) {
		size_t used = strlen(list);
		const char *name = generations[i].name;
		if (strlen(name) == token->value_length &&
		    memcmp(name, token->value, token->value_length) == 0)
			return &generations[i];
		snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ", name);
	}
	vmfee_fail(err, VMFEE_USAGE, "there is no generation '%.*s'; there are: %s",
		   (int)token->value_length, token->value, list);
	return NULL;
}

static bool has_key(const char *cmdline, const struct cmdline_token *wanted)
{
	struct cmdline_token token;

	while (cmdline_next(&cmdline, &token))
		if (token.key_length == wanted->key_length &&
		    memcmp(token.key, wanted->key, wanted->key_length) == 0)
			return true;
	return false;
}

/* Adds a token to text of size bytes; what does not fit is seen by its length. */
static void append(char *text, size_t size, const struct cmdline_token *token)
{
	size_t used = strlen(text);
	const char *end = token->value_length == 0 ? token->key + token->key_length
						   : token->value + token->value_length;

	snprintf(text + used, size - used, "%s%.*s", used == 0 ? "" : " ", (int)(end - token->key),
		 token->key);
}

int generation_expand(char *cmdline, struct vmfee_error *err)
{
	char expanded[2 * STACK_MAX_CMDLINE] = "";
	const struct generation *generation = NULL;
	const char *cursor = cmdline;
	struct cmdline_token token;

	while (cmdline_next(&cursor, &token)) {
		if (!cmdline_is(&token, "generation")) {
			append(expanded, sizeof(expanded), &token);
			continue;
		}
		if (generation != NULL)
			return vmfee_fail(err, VMFEE_USAGE, "generation= is given twice");
		generation = find(&token, err);
		if (generation == NULL)
			return -1;
	}
	if (generation == NULL)
		return 0;
	cursor = generation->switches;
	while (cmdline_next(&cursor, &token))
		if (!has_key(cmdline, &token))
			append(expanded, sizeof(expanded), &token);
	if (strlen(expanded) > STACK_MAX_CMDLINE)
		return vmfee_fail(err, VMFEE_USAGE,
				  "with the switches of %s the command line is longer than %d "
				  "characters",
				  generation->name, STACK_MAX_CMDLINE);
	memcpy(cmdline, expanded, strlen(expanded) + 1);
	return 0;
}

static const struct generation *by_name(const char *name)
{
	for (int i = 0; i < GENERATIONS; i++)
		if (strcmp(generations[i].name, name) == 0)
			return &generations[i];
	return NULL;
}

const char *generation_text(const char *name)
{
	const struct generation *generation = by_name(name);

	return generation == NULL ? NULL : generation->text;
}

bool generation_follows(const char *name, const char *other)
{
	const struct generation *later = by_name(name);
	const struct generation *earlier = by_name(other);

	return later != NULL && earlier != NULL && later > earlier;
}

const char *generation_name(unsigned number)
{
	return number < GENERATIONS ? generations[number].name : NULL;
}

const char *generation_switches(const char *name)
{
	const struct generation *generation = by_name(name);

	return generation == NULL ? NULL : generation->switches;
}
