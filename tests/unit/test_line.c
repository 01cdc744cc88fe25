#include "bench/line.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

static void parse(struct line *line, const char *text)
{
	struct vmfee_error err = {0};

	cr_assert_eq(line_parse(line, text, strlen(text), &err), 0, "%s: %s", text, err.text);
}

Test(line, bars_are_the_depth_and_lines_for_people_have_no_word)
{
	static const struct {
		const char *text;
		unsigned depth;
		const char *word;
	} rows[] = {
		{"", 0, NULL},
		{"hello @bench", 0, NULL},
		{"@image name=micro", 0, "image"},
		{"|", 1, NULL},
		{"||@end x=y", 2, "end"},
		{"| @end x=y", 1, NULL},
		{"|text|@x", 1, NULL},
		{"@", 0, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct line line;
		parse(&line, rows[i].text);
		cr_expect_eq(line.depth, rows[i].depth, "%s", rows[i].text);
		if (rows[i].word == NULL)
			cr_expect_null(line.word, "%s", rows[i].text);
		else
			cr_expect_str_eq(line.word, rows[i].word, "%s", rows[i].text);
	}
}

Test(line, pairs_keep_everything_behind_the_first_equals_sign)
{
	struct line line;
	parse(&line, "|@stop reason=triple-fault expr=a=b empty=");

	cr_expect_eq(line.pairs, 3);
	cr_expect_str_eq(line_find(&line, "reason"), "triple-fault");
	cr_expect_str_eq(line_find(&line, "expr"), "a=b");
	cr_expect_str_eq(line_find(&line, "empty"), "");
	cr_expect_null(line_find(&line, "rip"));
}

static void expect_refused(const char *bytes, size_t length, const char *why)
{
	struct vmfee_error err = {0};
	struct line line;

	cr_expect_eq(line_parse(&line, bytes, length, &err), -1, "%.*s", (int)length, bytes);
	cr_expect_eq(err.status, VMFEE_GUEST);
	cr_expect_not_null(strstr(err.text, why), "%s", err.text);
}

Test(line, what_is_malformed_is_named)
{
	char pairs[LINE_MAX_BYTES] = "@x";

	expect_refused("@x y", 4, "'y' is no key=value");
	expect_refused("@x =y", 5, "'=y' is no key=value");
	expect_refused("@x a=b  c=d", 11, "'' is no key=value");
	expect_refused("@x a=b ", 7, "'' is no key=value");
	expect_refused("@x a=b c=d a=e", 14, "key 'a' is given twice");
	expect_refused("@x a=\0b", 7, "byte 0x00");
	expect_refused("@x a=\x1b[2J", 8, "byte 0x1b");
	expect_refused("@x a=\xff", 6, "byte 0xff");
	expect_refused("@x a=b\r", 7, "byte 0x0d");

	for (int i = 0; i <= LINE_MAX_PAIRS; i++)
		sprintf(pairs + strlen(pairs), " k%d=v", i);
	expect_refused(pairs, strlen(pairs), "more than 24 key=value pairs");
}

Test(line, a_line_has_at_most_480_bytes_behind_its_bars)
{
	struct vmfee_error err = {0};
	struct line line;
	char text[600];

	memset(text, 'x', sizeof(text));
	cr_expect_eq(line_parse(&line, text, 480, &err), 0);
	text[0] = '|';
	text[1] = '@';
	cr_expect_eq(line_parse(&line, text, 481, &err), 0, "%s", err.text);
	cr_expect_eq(strlen(line.word), 479);
	text[0] = 'x';
	expect_refused(text, 481, "longer than 480 bytes");
}

Test(line, numbers_are_decimal_or_hexadecimal_and_nothing_else)
{
	static const struct {
		const char *text;
		uint64_t number;
	} good[] = {
		{"@x n=0", 0},
		{"@x n=0x1F", 31},
		{"@x n=18446744073709551615", UINT64_MAX},
		{"@x n=0xffffffffffffffff", UINT64_MAX},
		{"@x n=010", 10},
	};
	static const char *const bad[] = {
		"@x n=",
		"@x n=-1",
		"@x n=+1",
		"@x n=1x",
		"@x n=0x",
		"@x n=0x0x1",
		"@x n=1.5",
		"@x n=18446744073709551616",
		"@x n=0x10000000000000000",
		"@x m=1",
	};
	uint64_t number;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct vmfee_error err = {0};
		struct line line;
		parse(&line, good[i].text);
		cr_expect_eq(line_number(&line, "n", 0, UINT64_MAX, &number, &err), 0, "%s",
			     good[i].text);
		cr_expect_eq(number, good[i].number, "%s", good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vmfee_error err = {0};
		struct line line;
		parse(&line, bad[i]);
		cr_expect_eq(line_number(&line, "n", 0, UINT64_MAX, &number, &err), -1, "%s",
			     bad[i]);
		cr_expect_eq(err.status, VMFEE_GUEST, "%s", bad[i]);
	}
}

Test(line, numbers_have_limits_on_both_sides)
{
	struct vmfee_error err = {0};
	struct line line;
	parse(&line, "@x n=5");
	uint64_t number;

	cr_expect_eq(line_number(&line, "n", 5, 5, &number, &err), 0);
	cr_expect_eq(line_number(&line, "n", 6, 9, &number, &err), -1);
	cr_expect_str_eq(err.text, "n=5 is outside 6 to 9");
	err = (struct vmfee_error){0};
	cr_expect_eq(line_number(&line, "n", 0, 4, &number, &err), -1);
}

Test(line, names_are_names)
{
	struct vmfee_error err = {0};
	struct line line;
	parse(&line, "@x a=IA32_VMX_BASIC b=../x c=abcdefghijklmnopqrstuvwxyz012345");

	cr_expect_str_eq(line_name(&line, "a", &err), "IA32_VMX_BASIC");
	cr_expect_null(line_name(&line, "b", &err));
	cr_expect_str_eq(err.text, "'../x' cannot be a name");
	err = (struct vmfee_error){0};
	cr_expect_null(line_name(&line, "c", &err));
	err = (struct vmfee_error){0};
	cr_expect_null(line_name(&line, "d", &err));
	cr_expect_str_eq(err.text, "@x without d=");
}
