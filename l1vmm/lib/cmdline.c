#include "l1vmm/lib/cmdline.h"

#include "l1vmm/lib/string.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

bool cmdline_next(const char **cursor, struct cmdline_token *token)
{
	const char *c = *cursor;

	while (is_blank(*c))
		c++;
	if (!*c) {
		*cursor = c;
		return false;
	}
	*token = (struct cmdline_token){.key = c, .value = ""};
	while (*c && *c != '=' && !is_blank(*c))
		c++;
	token->key_length = (size_t)(c - token->key);
	if (*c == '=') {
		token->value = ++c;
		while (*c && !is_blank(*c))
			c++;
		token->value_length = (size_t)(c - token->value);
	}
	*cursor = c;
	return true;
}

bool cmdline_is(const struct cmdline_token *token, const char *key)
{
	return strlen(key) == token->key_length && memcmp(token->key, key, token->key_length) == 0;
}

enum cmdline_result cmdline_get(const char *cmdline, const char *key, char *buffer, size_t size)
{
	struct cmdline_token token;

	while (cmdline_next(&cmdline, &token)) {
		if (!cmdline_is(&token, key))
			continue;
		if (token.value_length >= size)
			return CMDLINE_TOO_LONG;
		memcpy(buffer, token.value, token.value_length);
		buffer[token.value_length] = '\0';
		return CMDLINE_FOUND;
	}
	return CMDLINE_ABSENT;
}

static bool is_one_of(const struct cmdline_token *token, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (cmdline_is(token, keys[i]))
			return true;
	return false;
}

bool cmdline_unknown(const char *cmdline, const char *const *keys, size_t count,
		     struct cmdline_token *token)
{
	while (cmdline_next(&cmdline, token))
		if (!is_one_of(token, keys, count))
			return true;
	return false;
}

/* The value of a digit, or 16 for what is no digit. */
static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A') + 10;
	return 16;
}

bool cmdline_number(const char *text, size_t length, uint64_t *number)
{
	unsigned int base = 10;
	uint64_t sum = 0;

	if (length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
		length -= 2;
	}
	if (length == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned int digit = digit_value(text[i]);

		if (digit >= base || __builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, digit, &sum))
			return false;
	}
	*number = sum;
	return true;
}
