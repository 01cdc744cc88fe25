#include "bench/report_latency.h"
#include "bench/table.h"

#include <inttypes.h>

/* All exits of one level. */
struct total {
	uint64_t count, ticks;
};

static struct total add_up(const struct latencies *latencies, unsigned level)
{
	struct total total = {0};

	for (size_t i = 0; i < latencies->rows; i++) {
		if (latencies->row[i].level != level)
			continue;
		total.count += latencies->row[i].count;
		total.ticks += latencies->row[i].handled_ticks;
	}
	return total;
}

/* No ticks at all have no shares. */
static void put_share(struct table *table, uint64_t part, uint64_t whole)
{
	if (whole == 0)
		table_none(table);
	else
		table_cell(table, "%.2f%%", 100 * (double)part / (double)whole);
}

static void put_row(struct table *table, const struct latency *latency, struct total total)
{
	table_cell(table, "%s", exit_reason_name(latency->reason));
	table_cell(table, "%s", fee_component_name(latency->component));
	table_cell(table, "%" PRIu64, latency->count);
	put_share(table, latency->count, total.count);
	put_share(table, latency->handled_ticks, total.ticks);
	table_cell(table, "%" PRIu64, latency->shortest);
	table_cell(table, "%" PRIu64, latency_quantile(latency, 0.5));
	table_cell(table, "%" PRIu64, latency_quantile(latency, 0.99));
	table_cell(table, "%" PRIu64, latency->longest);
	table_number(table, latency_mean(latency));
	table_number(table, latency_deviation(latency));
}

/* The rows of a level, beginning with the next one that is not printed yet, by falling time. */
static const struct latency *next_row(const struct latencies *latencies, unsigned level,
				      const struct latency *last)
{
	const struct latency *next = NULL;

	for (size_t i = 0; i < latencies->rows; i++) {
		const struct latency *row = &latencies->row[i];
		if (row->level != level)
			continue;
		bool behind = last == NULL || row->handled_ticks < last->handled_ticks ||
			      (row->handled_ticks == last->handled_ticks && row > last);
		if (behind && (next == NULL || row->handled_ticks > next->handled_ticks))
			next = row;
	}
	return next;
}

static int print_level(const struct result_stack *stack, unsigned level, const char *unit,
		       FILE *out, unsigned width)
{
	struct total total = add_up(&stack->latencies, level);
	const struct latency *row = NULL;
	struct table table;

	fprintf(out, "\nHow long L%u took for the exits of %s, in %s:\n\n", level, stack->name,
		unit);
	table_begin(&table, "<reason|<component|samples|samples%|time%|min|median|p99|max|mean|"
			    "deviation");
	while ((row = next_row(&stack->latencies, level, row)) != NULL)
		put_row(&table, row, total);
	if (table_print(&table, out, width) != 0)
		return -1;
	fprintf(out, "%" PRIu64 " samples, %" PRIu64 " %s; %" PRIu64 " samples lost.\n",
		total.count, total.ticks, unit, stack->lost[level]);
	return 0;
}

int report_latency(const struct result_stack *stack, const char *unit, FILE *out, unsigned width)
{
	const struct latencies *latencies = &stack->latencies;

	for (size_t i = 0; i < latencies->rows; i++)
		if ((i == 0 || latencies->row[i - 1].level != latencies->row[i].level) &&
		    print_level(stack, latencies->row[i].level, unit, out, width) != 0)
			return -1;
	return 0;
}
