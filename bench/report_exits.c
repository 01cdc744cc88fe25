#include "bench/report_exits.h"

#include <string.h>

enum {
#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) COUNTER_##name,
#include "telemetry/record.def"
#undef RECORD_COUNTER
	COUNTERS,
};

/* One more than the highest reason of the list. */
enum {
#define EXIT(number, NAME, COMPONENT, DETAIL, handler) LAST_##NAME = (number),
#include "l1vmm/vmx/exit_reasons.def"
#undef EXIT
	REASONS,
};

static const char *const counter_names[COUNTERS] = {
#define RECORD_COUNTER(ctype, name, text) [COUNTER_##name] = #name,
#include "telemetry/record.def"
#undef RECORD_COUNTER
};

struct total {
	uint64_t count, handled_ticks;
	uint64_t counter[COUNTERS];
};

static void add_to(struct total *total, const struct exit_sum *sum)
{
	total->count += sum->count;
	total->handled_ticks += sum->handled_ticks;
#define RECORD_COUNTER(ctype, name, text) total->counter[COUNTER_##name] += sum->counters.name;
#include "telemetry/record.def"
#undef RECORD_COUNTER
#undef RECORD_HEADER
#undef RECORD_FIELD
}

static void add(struct total *totals, struct total *all, unsigned level, const struct exit_sum *sum)
{
	if (sum->level != level)
		return;
	add_to(&totals[sum->reason], sum);
	add_to(all, sum);
}

/* Counters that no exit has incremented have no column. */
static void put_row(struct table *table, const char *name, const struct total *total,
		    const struct total *all)
{
	double count = (double)total->count;

	table_cell(table, "%s", name);
	table_cell(table, "%llu", (unsigned long long)total->count);
	table_number(table, (double)total->handled_ticks / count);
	for (int i = 0; i < COUNTERS; i++)
		if (all->counter[i] > 0)
			table_number(table, (double)total->counter[i] / count);
}

int report_exits(const struct result_stack *stack, unsigned level, FILE *out, unsigned width)
{
	struct total total[REASONS] = {0};
	struct total all = {0};
	char headings[256] = "<reason|exits|handled";
	struct table table;

	for (size_t i = 0; i < stack->benches; i++)
		for (size_t j = 0; j < stack->bench[i].exits; j++)
			add(total, &all, level, &stack->bench[i].exit[j]);
	for (size_t i = 0; i < stack->outsides; i++)
		add(total, &all, level, &stack->outside[i]);

	for (int i = 0; i < COUNTERS; i++) {
		size_t used = strlen(headings);
		if (all.counter[i] > 0)
			snprintf(headings + used, sizeof(headings) - used, "|%s", counter_names[i]);
	}
	table_begin(&table, headings);
	for (int i = 0; i < REASONS; i++)
		if (total[i].count > 0)
			put_row(&table, exit_reason_name((uint16_t)i), &total[i], &all);
	return table_print(&table, out, width);
}

void report_exits_per_op(struct table *table, const struct analysis_row *row)
{
	char text[512] = "";
	size_t used = 0;

	for (unsigned i = 0; i < row->exits && used < sizeof(text); i++) {
		const struct analysis_exit *exit = &row->exit[i];
		bool wrong = row->compared && exit->seen != exit->expected;
		if (exit->seen == 0 && !wrong)
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %.4g%s",
					 used == 0 ? "" : ", ", exit_reason_name(exit->reason),
					 exit->per_op, wrong ? "!" : "");
	}
	table_cell(table, "%s", used == 0 ? "-" : text);
}
