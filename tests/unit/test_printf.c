#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "l1vmm/lib/printf.h"

/* The same call of libc's function and of ours. */
#define SAME(...)                                                                         \
	do {                                                                              \
		char theirs[128], ours[128];                                              \
		int their_length = snprintf(theirs, sizeof(theirs), __VA_ARGS__);         \
		size_t our_length = format(ours, sizeof(ours), __VA_ARGS__);              \
                                                                                          \
		cr_expect_str_eq(ours, theirs);                                           \
		cr_expect_eq(our_length, (size_t)their_length, "length of '%s'", theirs); \
	} while (0)

Test(format, numbers_are_written_as_printf_does)
{
	SAME("%d %d %d", 0, INT_MAX, INT_MIN);
	SAME("%ld %lld", LONG_MIN, LLONG_MAX);
	SAME("%u %lu %llu %zu", UINT_MAX, ULONG_MAX, ULLONG_MAX, SIZE_MAX);
	SAME("%x %lx %llx", 0xc0ffeeU, 0UL, ULLONG_MAX);
	SAME("%p", (void *)0xfec00000);
}

Test(format, fields_are_padded_as_printf_does)
{
	SAME("%5d|%-5d|%05d|%5d|", -42, -42, -42, 1234567);
	SAME("%016lx|%-16lx|%16lx|", 0x123UL, 0x123UL, 0x123UL);
	SAME("%10s|%-10s|%1s|", "abc", "abc", "abc");
	SAME("%3c|%-3c|%c", 'x', 'x', 'x');
}

Test(format, strings_end_at_their_precision)
{
	static const char unterminated[3] = {'a', 'b', 'c'};

	SAME("%.*s|%.*s", 3, unterminated, 0, unterminated);
	SAME("%.*s", -1, "negative is none");
	SAME("%.2s|%5.2s|", "abc", "abc");
}

Test(format, other_text_stands_as_it_is)
{
	/* Not const, so that the compiler does not see what it would refuse. */
	static char unknown[] = "%q %08.3f %";
	char text[32];

	SAME("100%% of \"it\"\n");
	cr_expect_eq(format(text, sizeof(text), unknown, 0), strlen(unknown));
	cr_expect_str_eq(text, unknown);
}

Test(format, text_is_cut_at_the_end_of_the_buffer)
{
	char text[8] = "???????";

	cr_expect_eq(format(text, 5, "%s", "abcdefg"), 7);
	cr_expect_eq(memcmp(text, "abcd\0??", 8), 0);
	cr_expect_eq(format(text, 5, "%s", "wxyz"), 4);
	cr_expect_str_eq(text, "wxyz");
	cr_expect_eq(format(text, 1, "%d", 12), 2);
	cr_expect_str_eq(text, "");
	cr_expect_eq(format(NULL, 0, "%d", 123), 3);
}
