#include "bench/table.h"

#include <criterion/criterion.h>

#include <stdlib.h>

static void expect_printed(struct table *table, unsigned width, const char *wanted)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	cr_assert_eq(table_print(table, out, width), 0);
	fclose(out);
	cr_expect_str_eq(text, wanted, "got:\n%s", text);
	free(text);
}

Test(table, columns_are_as_wide_as_their_widest_cell)
{
	struct table table;

	table_begin(&table, "<name|ticks|<exits");
	table_cell(&table, "cpuid");
	table_number(&table, 1234.56);
	table_cell(&table, "CPUID %d", 1);
	table_cell(&table, "x");
	table_none(&table);
	table_none(&table);
	expect_printed(&table, 100,
		       "  name    ticks  exits\n"
		       "  ----------------------\n"
		       "  cpuid  1234.6  CPUID 1\n"
		       "  x           -  -\n");
}

Test(table, nothing_has_a_sign)
{
	struct table table;

	table_begin(&table, "a|b|c|d");
	table_number(&table, -0.04);
	table_number(&table, 0);
	table_number(&table, -0.06);
	table_number(&table, 0.04);
	expect_printed(&table, 100,
		       "    a    b     c    d\n"
		       "  -------------------\n"
		       "  0.0  0.0  -0.1  0.0\n");
}

Test(table, the_last_column_is_wrapped_between_words)
{
	struct table table;

	table_begin(&table, "<n|<words");
	table_cell(&table, "a");
	table_cell(&table, "one two, three four five");
	table_cell(&table, "b");
	table_cell(&table, "unbreakably-long six");
	expect_printed(&table, 16,
		       "  n  words\n"
		       "  --------------\n"
		       "  a  one two,\n"
		       "     three four\n"
		       "     five\n"
		       "  b  unbreakably-long\n"
		       "     six\n");
}

Test(table, a_page_narrower_than_the_table_still_prints)
{
	struct table table;

	table_begin(&table, "<name|<words");
	table_cell(&table, "a-long-name");
	table_cell(&table, "one two");
	expect_printed(&table, 4,
		       "  name         words\n"
		       "  --\n"
		       "  a-long-name  one\n"
		       "               two\n");
}
