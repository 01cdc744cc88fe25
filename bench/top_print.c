#include "bench/table.h"
#include "bench/top.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A kind of exit of a cell. */
struct kind {
	const struct top_cell *cell;
	unsigned level;
	uint16_t reason;
	enum fee_component component;
	const struct top_sum *sum;
};

/* All exits of a level. */
struct total {
	uint64_t exits, ticks, before;
	uint64_t by_component[FEE_COMPONENTS]; /* ticks */
};

static struct total add_up(const struct top_cell *cell, unsigned level)
{
	struct total total = {0};

	for (unsigned i = 0; i < CONSOLE_REASONS; i++)
		for (unsigned j = 0; j < FEE_COMPONENTS; j++) {
			const struct top_sum *sum = &cell->sum[level][i][j];
			total.exits += sum->exits;
			total.before += sum->before;
			total.ticks += sum->ticks;
			total.by_component[j] += sum->ticks;
		}
	return total;
}

/* Only a stack that runs has a rate: what came when it ended came earlier. */
static void put_rate(struct table *table, const struct top *top, const struct top_cell *cell,
		     uint64_t before, uint64_t now)
{
	if (cell->state == TOP_RUNS && top->seconds > 0)
		table_cell(table, "%.0f", (double)(now - before) / top->seconds);
	else
		table_none(table);
}

static void put_share(struct table *table, uint64_t part, uint64_t all)
{
	if (all == 0)
		table_none(table);
	else
		table_cell(table, "%.2f%%", 100.0 * (double)part / (double)all);
}

static void put_components(struct table *table, const struct total *total)
{
	char text[256] = "";
	size_t used = 0;

	for (unsigned i = 0; i < FEE_COMPONENTS && used < sizeof(text); i++)
		if (total->by_component[i] > 0)
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, "%s%s %.2f%%",
				used == 0 ? "" : ", ", fee_component_name((enum fee_component)i),
				100.0 * (double)total->by_component[i] / (double)total->ticks);
	table_cell(table, "%s", used == 0 ? "-" : text);
}

static void put_level(struct table *table, const struct top *top, const struct top_cell *cell,
		      unsigned level)
{
	static const char *const states[] = {
		[TOP_RUNS] = "runs", [TOP_ENDED] = "ended", [TOP_FAILED] = "failed"};
	const struct total total = add_up(cell, level);

	table_cell(table, "%s", cell->name);
	table_cell(table, "%s", states[cell->state]);
	table_cell(table, "L%u", level);
	table_cell(table, "%" PRIu64, total.exits);
	put_rate(table, top, cell, total.before, total.exits);
	table_cell(table, "%" PRIu64, total.ticks);
	table_cell(table, "%" PRIu64, top_lost(cell, level));
	put_components(table, &total);
}

/* Each stack has a line, also one without exits. */
static int print_levels(const struct top *top, FILE *out, unsigned width)
{
	struct table table;

	table_begin(&table, "<stack|<state|<level|exits|exits/s|ticks|lost|<time by component");
	for (size_t i = 0; i < top->cells; i++) {
		const struct top_cell *cell = top->cell[i];
		bool any = false;
		for (unsigned level = 0; level < STACK_MAX_LEVELS; level++) {
			if (add_up(cell, level).exits == 0 && top_lost(cell, level) == 0)
				continue;
			put_level(&table, top, cell, level);
			any = true;
		}
		if (!any)
			put_level(&table, top, cell, 0);
	}
	return table_print(&table, out, width);
}

/* By stack and level, those that took most first. */
static int by_ticks(const void *a, const void *b)
{
	const struct kind *left = a;
	const struct kind *right = b;

	if (left->cell != right->cell)
		return strcmp(left->cell->name, right->cell->name);
	if (left->level != right->level)
		return left->level < right->level ? -1 : 1;
	if (left->sum->ticks != right->sum->ticks)
		return left->sum->ticks > right->sum->ticks ? -1 : 1;
	return left->sum < right->sum ? -1 : 1;
}

static int by_rate(const void *a, const void *b)
{
	const struct kind *left = a;
	const struct kind *right = b;
	uint64_t l = left->sum->exits - left->sum->before;
	uint64_t r = right->sum->exits - right->sum->before;

	if (l != r)
		return l > r ? -1 : 1;
	return by_ticks(a, b);
}

/* All kinds of a cell that there are, behind `count` others; returns how many there are then. */
static size_t add_kinds(struct kind *kinds, size_t count, const struct top_cell *cell)
{
	for (unsigned i = 0; i < STACK_MAX_LEVELS; i++)
		for (unsigned j = 0; j < CONSOLE_REASONS; j++)
			for (unsigned k = 0; k < FEE_COMPONENTS; k++) {
				if (cell->sum[i][j][k].exits == 0)
					continue;
				if (kinds != NULL)
					kinds[count] = (struct kind){cell, i, (uint16_t)j,
								     (enum fee_component)k,
								     &cell->sum[i][j][k]};
				count++;
			}
	return count;
}

static void put_kind(struct table *table, const struct top *top, const struct kind *kind)
{
	const struct total total = add_up(kind->cell, kind->level);

	table_cell(table, "%s", kind->cell->name);
	table_cell(table, "L%u", kind->level);
	table_cell(table, "%s", exit_reason_name(kind->reason));
	table_cell(table, "%s", fee_component_name(kind->component));
	table_cell(table, "%" PRIu64, kind->sum->exits);
	put_rate(table, top, kind->cell, kind->sum->before, kind->sum->exits);
	put_share(table, kind->sum->exits, total.exits);
	put_share(table, kind->sum->ticks, total.ticks);
}

static int print_kinds(const struct top *top, unsigned rows, FILE *out, unsigned width)
{
	struct table table;
	size_t count = 0;

	for (size_t i = 0; i < top->cells; i++)
		count = add_kinds(NULL, count, top->cell[i]);
	if (count == 0)
		return 0;
	struct kind *kinds = calloc(count, sizeof(kinds[0]));
	if (kinds == NULL)
		return -1;
	count = 0;
	for (size_t i = 0; i < top->cells; i++)
		count = add_kinds(kinds, count, top->cell[i]);
	qsort(kinds, count, sizeof(kinds[0]), rows > 0 ? by_rate : by_ticks);
	fputc('\n', out);
	table_begin(&table, "<stack|<level|<reason|<component|exits|exits/s|exits%|time%");
	for (size_t i = 0; i < count && (rows == 0 || i < rows); i++)
		put_kind(&table, top, &kinds[i]);
	free(kinds);
	return table_print(&table, out, width);
}

int top_print(const struct top *top, unsigned rows, FILE *out, unsigned width)
{
	if (print_levels(top, out, width) != 0)
		return -1;
	for (size_t i = 0; i < top->cells; i++)
		if (top->cell[i]->trouble[0] != '\0')
			fprintf(out, "%s: not all exits are counted: %s\n", top->cell[i]->name,
				top->cell[i]->trouble);
	return print_kinds(top, rows, out, width);
}
