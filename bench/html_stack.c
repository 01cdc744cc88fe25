#include "bench/html_part.h"

#include <string.h>

/* Components in columns, and what comes before and behind them. */
static void headings(char *text, size_t size, const char *before, const char *behind)
{
	size_t used = (size_t)snprintf(text, size, "%s", before);

	for (int i = 0; i < FEE_COMPONENTS && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "|%s", fee_component_name(i));
	if (used < size)
		snprintf(text + used, size - used, "%s", behind);
}

static void put_parts(const struct page *page, const double *part)
{
	for (int i = 0; i < FEE_COMPONENTS; i++) {
		if (part[i] > -0.05 && part[i] < 0.05)
			html_none(page);
		else
			html_number(page, part[i]);
	}
}

static void put_exits(const struct page *page, const struct analysis_row *row)
{
	char text[512] = "";
	size_t used = 0;

	for (unsigned i = 0; i < row->exits && used < sizeof(text); i++)
		if (row->exit[i].seen > 0)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %.4g",
						 used == 0 ? "" : ", ",
						 exit_reason_name(row->exit[i].reason),
						 row->exit[i].per_op);
	html_cell(page, used == 0 ? "–" : text);
}

void html_costs(const struct page *page, const struct analysis *analysis)
{
	char caption[256];
	char columns[256];

	snprintf(
		caption, sizeof(caption),
		"Each benchmark on %s, in %s per operation: medians, the empty harness subtracted.",
		analysis->stack->name, page->unit);
	headings(columns, sizeof(columns), "<benchmark|native|stack|fee", "|<exits per operation");
	html_table_begin(page, caption, columns);
	for (size_t i = 0; i < analysis->rows; i++) {
		const struct analysis_row *row = &analysis->row[i];
		html_row(page, row->name);
		if (row->native != NULL)
			html_number(page, row->native_ticks);
		else
			html_none(page);
		if (row->bench != NULL)
			html_number(page, row->ticks);
		else
			html_none(page);
		if (analysis_has_fee(row))
			html_number(page, row->fee);
		else
			html_none(page);
		put_parts(page, row->part);
		put_exits(page, row);
	}
	html_table_end(page);
}

static void latencies_of_level(const struct page *page, const struct result_stack *stack,
			       size_t first, size_t end)
{
	const struct latency *row = stack->latencies.row;
	uint64_t lost = stack->lost[row[first].level];
	double count = 0, ticks = 0;
	char caption[256];

	for (size_t i = first; i < end; i++) {
		count += (double)row[i].count;
		ticks += (double)row[i].handled_ticks;
	}
	snprintf(
		caption, sizeof(caption),
		"How long L%u took for each exit of %s, in %s: %.0f exits, %.0f %s; %llu exits lost.",
		row[first].level, stack->name, page->unit, count, ticks, page->unit,
		(unsigned long long)lost);
	html_table_begin(
		page, caption,
		"<reason|<component|samples|share of samples|share of time|min|median|p99|max|"
		"mean|deviation");
	for (size_t i = first; i < end; i++) {
		html_row(page, exit_reason_name(row[i].reason));
		html_cell(page, fee_component_name(row[i].component));
		html_count(page, row[i].count);
		html_share(page, (double)row[i].count, count);
		html_share(page, (double)row[i].handled_ticks, ticks);
		html_count(page, row[i].shortest);
		html_count(page, latency_quantile(&row[i], 0.5));
		html_count(page, latency_quantile(&row[i], 0.99));
		html_count(page, row[i].longest);
		html_number(page, latency_mean(&row[i]));
		html_number(page, latency_deviation(&row[i]));
	}
	html_table_end(page);
}

void html_latencies(const struct page *page, const struct result_stack *stack)
{
	const struct latencies *latencies = &stack->latencies;
	size_t first = 0;

	for (size_t i = 1; i <= latencies->rows; i++) {
		if (i < latencies->rows && latencies->row[i].level == latencies->row[first].level)
			continue;
		latencies_of_level(page, stack, first, i);
		first = i;
	}
}

static int summary_row(const struct page *page, const struct result_stack *stack)
{
	struct analysis analysis;
	int failed = analyse(&analysis, page->results, stack, page->err);

	if (!failed && analysis.priced > 0) {
		html_row(page, stack->name);
		html_cell(page, stack->notation);
		html_count(page, analysis.priced);
		html_number(page, analysis.fee);
		for (int i = 0; i < FEE_COMPONENTS; i++)
			html_share(page, analysis.part[i], analysis.fee);
	}
	analysis_free(&analysis);
	return failed;
}

int html_summary(const struct page *page)
{
	char caption[256];
	char columns[256];
	int failed = 0;

	snprintf(
		caption, sizeof(caption),
		"The fee: what one operation of each benchmark takes more than natively, all added "
		"up, in %s, and its shares by component.",
		page->unit);
	headings(columns, sizeof(columns), "<stack|<its levels, bottom to top|benchmarks|fee", "");
	html_table_begin(page, caption, columns);
	for (size_t i = 0; !failed && i < page->results->stacks; i++)
		if (analysis_in_tables(page->results, &page->results->stack[i]))
			failed = summary_row(page, &page->results->stack[i]);
	html_table_end(page);
	return failed;
}
