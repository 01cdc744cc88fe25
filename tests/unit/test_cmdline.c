#include <string.h>

#include <criterion/criterion.h>

#include "l1vmm/lib/cmdline.h"

static void expect_token(const struct cmdline_token *token, const char *key, const char *value)
{
	cr_expect(cmdline_is(token, key), "'%.*s' is not '%s'", (int)token->key_length, token->key,
		  key);
	cr_expect_eq(token->value_length, strlen(value));
	cr_expect_eq(memcmp(token->value, value, token->value_length), 0);
}

Test(cmdline, tokens_come_in_order_with_key_and_value)
{
	const char *cursor = "  only=a,b\tflag empty= a=b=c \n";
	struct cmdline_token token;

	cr_assert(cmdline_next(&cursor, &token));
	expect_token(&token, "only", "a,b");
	cr_assert(cmdline_next(&cursor, &token));
	expect_token(&token, "flag", "");
	cr_assert(cmdline_next(&cursor, &token));
	expect_token(&token, "empty", "");
	cr_assert(cmdline_next(&cursor, &token));
	expect_token(&token, "a", "b=c");
	cr_expect_not(cmdline_next(&cursor, &token));
	cr_expect_not(cmdline_next(&cursor, &token), "the end stays the end");
	expect_token(&token, "a", "b=c");
}

Test(cmdline, a_key_is_found_whole_and_first)
{
	static const char cmdline[] = "sample=1 samples=2 samples=3";
	char value[4];

	cr_expect_eq(cmdline_get(cmdline, "samples", value, sizeof(value)), CMDLINE_FOUND);
	cr_expect_str_eq(value, "2");
	cr_expect_eq(cmdline_get(cmdline, "amples", value, sizeof(value)), CMDLINE_ABSENT);
	cr_expect_eq(cmdline_get("", "samples", value, sizeof(value)), CMDLINE_ABSENT);
}

Test(cmdline, a_value_and_its_zero_must_fit)
{
	char value[4] = "old";

	cr_expect_eq(cmdline_get("key=1234", "key", value, sizeof(value)), CMDLINE_TOO_LONG);
	cr_expect_str_eq(value, "old");
	cr_expect_eq(cmdline_get("key=123", "key", value, sizeof(value)), CMDLINE_FOUND);
	cr_expect_str_eq(value, "123");
	cr_expect_eq(cmdline_get("key", "key", value, sizeof(value)), CMDLINE_FOUND);
	cr_expect_str_eq(value, "");
}

Test(cmdline, the_first_unknown_key_is_told)
{
	static const char *const keys[] = {"only", "samples"};
	struct cmdline_token token;

	cr_expect_not(cmdline_unknown("samples=1 only=x only=y", keys, 2, &token));
	cr_expect_not(cmdline_unknown("", keys, 2, &token));
	cr_assert(cmdline_unknown("only=x onl=y sample=1", keys, 2, &token));
	expect_token(&token, "onl", "y");
	cr_assert(cmdline_unknown("=x", keys, 2, &token));
	expect_token(&token, "", "x");
}

Test(cmdline, numbers_are_decimal_or_hexadecimal)
{
	static const struct {
		const char *text;
		uint64_t number;
	} good[] = {
		{"0", 0},
		{"007", 7},
		{"18446744073709551615", UINT64_MAX},
		{"0xfFfFfFfFfFfFfFfF", UINT64_MAX},
		{"0X10", 16},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t number = ~good[i].number;

		cr_expect(cmdline_number(good[i].text, strlen(good[i].text), &number), "%s",
			  good[i].text);
		cr_expect_eq(number, good[i].number, "%s", good[i].text);
	}
}

Test(cmdline, what_is_no_number_is_refused)
{
	static const char *const bad[] = {
		"",
		"x",
		"0x",
		"0xg",
		"1a",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1.0",
		"18446744073709551616",
		"0x10000000000000000",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t number = 42;

		cr_expect_not(cmdline_number(bad[i], strlen(bad[i]), &number), "%s", bad[i]);
		cr_expect_eq(number, 42);
	}
}
