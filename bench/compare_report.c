#include "bench/compare_report.h"
#include "bench/table.h"

#include <limits.h>
#include <math.h>
#include <string.h>

static const char *const verdicts[] = {
	[COMPARE_SAME] = "same",   [COMPARE_LESS] = "less",	[COMPARE_MORE] = "more",
	[COMPARE_OTHER] = "other", [COMPARE_UNTOLD] = "untold", [COMPARE_GONE] = "gone",
	[COMPARE_NEW] = "new",
};

static bool on_both_sides(const struct compare_row *row)
{
	return row->before != NULL && row->after != NULL;
}

static void put_change(struct table *table, double change)
{
	if (isinf(change))
		table_none(table);
	else
		table_cell(table, "%+.1f%%", change);
}

static void put_exits(struct table *table, const struct compare_row *row)
{
	if (row->counted) {
		table_cell(table, "%.4g", row->before->exits_per_op);
		table_cell(table, "%.4g", row->after->exits_per_op);
	} else {
		table_none(table);
		table_none(table);
	}
}

/* Of the exits that are sorted by reason: how many an operation has, and on to the next one. */
static double take_exit(const struct analysis_row *row, unsigned *at, uint16_t reason)
{
	if (*at == row->exits || row->exit[*at].reason != reason)
		return 0;
	return row->exit[(*at)++].per_op;
}

static unsigned reason_at(const struct analysis_row *row, unsigned at)
{
	return at == row->exits ? UINT_MAX : row->exit[at].reason;
}

/* "CPUID 1 -> 2", for each reason whose count differs. */
static void name_exits(char *text, size_t size, const struct compare_row *row)
{
	unsigned i = 0;
	unsigned j = 0;
	size_t used = 0;

	text[0] = '\0';
	while (row->counted && used < size && (i < row->before->exits || j < row->after->exits)) {
		unsigned first = reason_at(row->before, i);
		unsigned second = reason_at(row->after, j);
		uint16_t reason = (uint16_t)(first < second ? first : second);
		double before = take_exit(row->before, &i, reason);
		double after = take_exit(row->after, &j, reason);
		if (before != after)
			used += (size_t)snprintf(text + used, size - used, "%s%s %.4g -> %.4g",
						 used == 0 ? "" : ", ", exit_reason_name(reason),
						 before, after);
	}
}

static void put_exact(struct table *table, const struct comparison *comparison,
		      const struct compare_row *row)
{
	char exits[256];

	table_cell(table, "%s", row->name);
	table_number(table, row->before_ticks);
	table_number(table, row->after_ticks);
	table_cell(table, "%+.1f", row->after_ticks - row->before_ticks);
	put_change(table, compare_change(row->before_ticks, row->after_ticks));
	put_exits(table, row);
	name_exits(exits, sizeof(exits), row);
	if (compare_verdict(comparison, row) == COMPARE_OTHER && exits[0] == '\0')
		table_cell(table, "samples differ, their median does not");
	else
		table_cell(table, "%s", exits[0] == '\0' ? "-" : exits);
}

static void put_p(struct table *table, double p)
{
	if (p < 0.0001)
		table_cell(table, "<0.0001");
	else
		table_cell(table, "%.4f", p);
}

static void put_tested(struct table *table, const struct comparison *comparison,
		       const struct compare_row *row)
{
	enum compare_verdict verdict = compare_verdict(comparison, row);

	table_cell(table, "%s", row->name);
	table_number(table, row->before_ticks);
	table_number(table, row->after_ticks);
	put_change(table, compare_change(row->before_ticks, row->after_ticks));
	table_cell(table, "%+.1f to %+.1f", row->interval.low, row->interval.high);
	table_cell(table, "%.10g", row->test.u);
	put_p(table, row->holm);
	table_cell(table, "%+.2f", row->test.delta);
	if (verdict == COMPARE_SAME)
		table_cell(table, "could be chance");
	else if (verdict == COMPARE_UNTOLD)
		table_cell(table, "too few samples to tell");
	else
		table_cell(table, "%s: %s", verdicts[verdict], rank_test_effect(row->test.delta));
}

static int print_rows(const struct comparison *comparison, bool all, FILE *out, unsigned width)
{
	struct table table;
	size_t same = 0;
	size_t shown = 0;

	table_begin(&table, comparison->exact
				    ? "<benchmark|before|after|difference|change|exits/op "
				      "before|after|<exits that differ"
				    : "<benchmark|before|after|change|difference (95 %)|U|p|delta|"
				      "<after is");
	for (size_t i = 0; i < comparison->rows; i++) {
		const struct compare_row *row = &comparison->row[i];
		bool equal = compare_verdict(comparison, row) == COMPARE_SAME;
		same += equal;
		if (!on_both_sides(row) || (equal && !all))
			continue;
		shown++;
		if (comparison->exact)
			put_exact(&table, comparison, row);
		else
			put_tested(&table, comparison, row);
	}
	if (shown == 0)
		table_free(&table);
	else if (table_print(&table, out, width) != 0)
		return -1;
	fprintf(out, "%s%zu of %zu rows are the same%s.\n", shown == 0 ? "  " : "", same,
		comparison->rows,
		comparison->exact ? ", to the sample and the exit"
				  : ", or differ by what could be chance");
	return 0;
}

/* Names the rows that one side alone has. */
static void name_lonely(const struct comparison *comparison, enum compare_verdict verdict,
			const char *run, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < comparison->rows; i++) {
		const struct compare_row *row = &comparison->row[i];
		if (on_both_sides(row) || compare_verdict(comparison, row) != verdict)
			continue;
		if (!any)
			fprintf(out, "Only in %s: ", run);
		fprintf(out, "%s%s", any ? ", " : "", row->name);
		any = true;
	}
	if (any)
		fprintf(out, ".\n");
}

static void print_properties(const struct compare_runs *runs, FILE *out)
{
	static const char *const keys[] = {"experiment", "platform", "platform_version", "cpu",
					   "vmfee"};
	bool any = false;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *before = results_property(runs->before, keys[i]);
		const char *after = results_property(runs->after, keys[i]);
		if (strcmp(before, after) == 0)
			continue;
		fprintf(out, "%s%s (%s, %s)", any ? ", " : "The runs differ in: ", keys[i], before,
			after);
		any = true;
	}
	fprintf(out, "%s", any ? ".\n" : "");
}

int compare_print(const struct compare_runs *runs, bool all, FILE *out, unsigned width,
		  struct vmfee_error *err)
{
	fprintf(out, "Before: %s.  After: %s.  In %s per operation.\n", runs->before_name,
		runs->after_name, results_property(runs->before, "unit"));
	print_properties(runs, out);
	for (size_t i = 0; i < runs->comparisons; i++) {
		const struct comparison *comparison = &runs->comparison[i];
		const struct result_stack *stacks[] = {comparison->before.stack,
						       comparison->after.stack};
		fprintf(out, "\n%s (%s)", stacks[0]->name, stacks[0]->notation);
		if (strcmp(stacks[0]->name, stacks[1]->name) != 0 ||
		    strcmp(stacks[0]->notation, stacks[1]->notation) != 0)
			fprintf(out, " and %s (%s)", stacks[1]->name, stacks[1]->notation);
		fprintf(out, ":\n\n");
		if (print_rows(comparison, all, out, width) != 0)
			return vmfee_fail(err, VMFEE_SYSTEM, "out of memory for the comparison");
		name_lonely(comparison, COMPARE_GONE, runs->before_name, out);
		name_lonely(comparison, COMPARE_NEW, runs->after_name, out);
	}
	if (runs->gone[0] != '\0')
		fprintf(out, "\nStacks only in %s: %s.\n", runs->before_name, runs->gone);
	if (runs->added[0] != '\0')
		fprintf(out, "\nStacks only in %s: %s.\n", runs->after_name, runs->added);
	return 0;
}

static void csv_number(FILE *out, bool there, double number)
{
	fputc(',', out);
	if (there && !isinf(number))
		fprintf(out, "%.10g", number == 0 ? 0 : number);
}

static void csv_row(const struct comparison *comparison, const struct compare_row *row, FILE *out)
{
	bool both = on_both_sides(row);
	bool tested = both && !comparison->exact;

	fprintf(out, "%s,%s,%s", comparison->before.stack->name, comparison->after.stack->name,
		row->name);
	csv_number(out, both, row->before_ticks);
	csv_number(out, both, row->after_ticks);
	csv_number(out, both, row->after_ticks - row->before_ticks);
	csv_number(out, both, compare_change(row->before_ticks, row->after_ticks));
	csv_number(out, tested, row->interval.low);
	csv_number(out, tested, row->interval.high);
	csv_number(out, tested, row->test.u);
	csv_number(out, tested, row->test.p);
	csv_number(out, tested, row->holm);
	csv_number(out, tested, row->test.delta);
	csv_number(out, both && row->counted, both ? row->before->exits_per_op : 0);
	csv_number(out, both && row->counted, both ? row->after->exits_per_op : 0);
	fprintf(out, ",%s\n", verdicts[compare_verdict(comparison, row)]);
}

void compare_csv(const struct compare_runs *runs, FILE *out)
{
	fprintf(out, "stack,after_stack,benchmark,before,after,difference,change_percent,low,high,"
		     "u,p,p_holm,delta,exits_before,exits_after,verdict\n");
	for (size_t i = 0; i < runs->comparisons; i++)
		for (size_t j = 0; j < runs->comparison[i].rows; j++)
			csv_row(&runs->comparison[i], &runs->comparison[i].row[j], out);
}

static void name_worse(char *text, size_t size, const struct comparison *comparison,
		       const struct compare_row *row)
{
	double ticks = compare_change(row->before_ticks, row->after_ticks);
	const char *stack = comparison->before.stack->name;

	if (row->after == NULL)
		snprintf(text, size, "%s %s is gone", stack, row->name);
	else if (isinf(ticks))
		snprintf(text, size, "%s %s %+.1f", stack, row->name,
			 row->after_ticks - row->before_ticks);
	else
		snprintf(text, size, "%s %s %+.1f%%%s", stack, row->name, ticks,
			 row->told ? "" : " (too few samples to tell)");
}

int compare_gate(const struct compare_runs *runs, double percent, struct vmfee_error *err)
{
	char list[320] = "";
	char text[128];
	size_t worse = 0;

	for (size_t i = 0; i < runs->comparisons; i++)
		for (size_t j = 0; j < runs->comparison[i].rows; j++) {
			const struct compare_row *row = &runs->comparison[i].row[j];
			size_t used = strlen(list);
			if (!compare_fails(&runs->comparison[i], row, percent))
				continue;
			name_worse(text, sizeof(text), &runs->comparison[i], row);
			if (used + strlen(text) + sizeof(", ...") < sizeof(list))
				snprintf(list + used, sizeof(list) - used, "%s%s",
					 used == 0 ? "" : ", ", text);
			else if (strcmp(list + used - 3, "...") != 0)
				snprintf(list + used, sizeof(list) - used, ", ...");
			worse++;
		}
	if (runs->gone[0] != '\0')
		return vmfee_fail(err, VMFEE_WORSE, "%s has no stack %s%s%s", runs->after_name,
				  runs->gone, worse == 0 ? "" : "; worse: ", list);
	if (worse == 0)
		return 0;
	return vmfee_fail(err, VMFEE_WORSE, "%zu %s worse by more than %g %%: %s", worse,
			  worse == 1 ? "row is" : "rows are", percent, list);
}
