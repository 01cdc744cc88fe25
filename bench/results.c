#include "bench/results.h"
#include "bench/kvm_level.h"
#include "bench/results_joined.h"
#include "bench/results_levels.h"
#include "bench/results_time.h"
#include "bench/rows.h"
#include "bench/schema.h"
#include "bench/stats.h"

#include "l1vmm/switches.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int take_property(const struct rows *rows, void *into)
{
	struct results *results = into;

	if (results->properties == RESULTS_MAX_PROPERTIES)
		return rows_damaged(rows, "too many properties");
	unsigned i = results->properties++;
	rows_text(rows, 0, results->property[i].key, sizeof(results->property[i].key));
	rows_text(rows, 1, results->property[i].value, sizeof(results->property[i].value));
	return 0;
}

static int take_sample(const struct rows *rows, void *into)
{
	struct result_bench *bench = into;
	uint64_t *ticks = rows_grow(rows, bench->ticks, bench->samples, sizeof(ticks[0]));

	if (ticks == NULL)
		return -1;
	bench->ticks = ticks;
	ticks[bench->samples++] = rows_number(rows, 0);
	return 0;
}

static int take_expectation(const struct rows *rows, void *into)
{
	struct result_bench *bench = into;
	char reason[sizeof(CONSOLE_ANY_EXITS) + 1];

	rows_text(rows, 0, reason, sizeof(reason));
	if (strcmp(reason, CONSOLE_ANY_EXITS) == 0) {
		bench->any_exits = true;
		return 0;
	}
	if (bench->expected == CONSOLE_MAX_EXPECTED)
		return rows_damaged(rows, "too many expectations of a benchmark");
	struct console_expectation *expect = &bench->expect[bench->expected++];
	expect->per_op = rows_number(rows, 1);
	return rows_reason(rows, 0, &expect->reason);
}

static int take_sum(const struct rows *rows, struct exit_sum *sum)
{
	int column = 0;

	if (rows_level(rows, column++, &sum->level) != 0 ||
	    rows_reason(rows, column++, &sum->reason) != 0 ||
	    rows_component(rows, column++, &sum->component) != 0)
		return -1;
	sum->count = rows_number(rows, column++);
	sum->guest_ticks = rows_number(rows, column++);
	sum->handled_ticks = rows_number(rows, column++);
	sum->shortest = rows_number(rows, column++);
	sum->longest = rows_number(rows, column++);
#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) sum->counters.name = rows_number(rows, column++);
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
	return 0;
}

static int take_exit(const struct rows *rows, void *into)
{
	struct result_bench *bench = into;
	struct exit_sum *sum = rows_grow(rows, bench->exit, bench->exits, sizeof(sum[0]));

	if (sum == NULL)
		return -1;
	bench->exit = sum;
	return take_sum(rows, &sum[bench->exits++]);
}

static int take_outside(const struct rows *rows, void *into)
{
	struct result_stack *stack = into;
	struct exit_sum *sum = rows_grow(rows, stack->outside, stack->outsides, sizeof(sum[0]));

	if (sum == NULL)
		return -1;
	stack->outside = sum;
	return take_sum(rows, &sum[stack->outsides++]);
}

static int take_skip(const struct rows *rows, void *into)
{
	struct result_stack *stack = into;
	struct result_skip *skip = rows_grow(rows, stack->skip, stack->skips, sizeof(skip[0]));

	if (skip == NULL)
		return -1;
	stack->skip = skip;
	rows_text(rows, 0, skip[stack->skips].name, sizeof(skip->name));
	rows_text(rows, 1, skip[stack->skips].why, sizeof(skip->why));
	stack->skips++;
	return 0;
}

#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) ", " #name
static const char select_exits[] = "SELECT level, reason, component, count, guest_ticks, "
				   "handled_ticks, shortest, longest"
#include "telemetry/record.def"
				   " FROM exit_sum WHERE benchmark = ? ORDER BY rowid";
static const char select_outside[] =
	"SELECT level, reason, component, count, guest_ticks, "
	"handled_ticks, shortest, longest"
#include "telemetry/record.def"
	" FROM exit_sum WHERE benchmark IS NULL AND stack = ? ORDER BY rowid";
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER

static int take_switch(const struct rows *rows, void *into)
{
	struct result_stack *stack = into;
	char name[STACK_MAX_NAME + 1], value[STACK_MAX_NAME + 1];

	rows_text(rows, 0, name, sizeof(name));
	rows_text(rows, 1, value, sizeof(value));
	if (rows_number(rows, 2) == stack->base && !switches_is_default(name, value))
		stack->default_switches = false;
	return 0;
}

static int take_lost(const struct rows *rows, void *into)
{
	struct result_stack *stack = into;
	unsigned level;

	if (rows_level(rows, 0, &level) != 0)
		return -1;
	stack->lost[level] = rows_number(rows, 1);
	return 0;
}

static int take_observed(const struct rows *rows, void *into)
{
	struct observed_sum *sum = into;

	sum->exits = rows_number(rows, 0);
	sum->refills = rows_number(rows, 1);
	sum->references = rows_number(rows, 2);
	return 0;
}

static int take_tlb(const struct rows *rows, void *into)
{
	struct result_stack *stack = into;

	rows_text(rows, 0, stack->tlb.name, sizeof(stack->tlb.name));
	rows_text(rows, 1, stack->tlb.title, sizeof(stack->tlb.title));
	stack->tlb.reference = (uint32_t)rows_number(rows, 2);
	return stack_valid_name(stack->tlb.name)
		       ? 0
		       : rows_damaged(rows, "a TLB with a name that is none");
}

static int take_bench(const struct rows *rows, void *into)
{
	struct result_stack *stack = into;
	struct result_bench *bench =
		rows_grow(rows, stack->bench, stack->benches, sizeof(bench[0]));
	uint64_t id = rows_number(rows, 0);

	if (bench == NULL)
		return -1;
	stack->bench = bench;
	bench += stack->benches++;
	rows_text(rows, 1, bench->name, sizeof(bench->name));
	bench->ops = rows_number(rows, 3);
	bench->begin = rows_number(rows, 4);
	bench->end = rows_number(rows, 5);
	if (!stack_valid_name(bench->name))
		return rows_damaged(rows, "a benchmark with a name that is none");
	if (rows_component(rows, 2, &bench->component) != 0 ||
	    rows_each(rows, "SELECT ticks FROM sample WHERE benchmark = ? ORDER BY number", id,
		      take_sample, bench) != 0 ||
	    rows_each(rows,
		      "SELECT reason, per_op FROM expectation WHERE benchmark = ? ORDER BY rowid",
		      id, take_expectation, bench) != 0 ||
	    rows_each(rows, select_exits, id, take_exit, bench) != 0 ||
	    rows_each(rows, "SELECT exits, refills, walk_refs FROM observed WHERE benchmark = ?",
		      id, take_observed, &bench->observed) != 0)
		return -1;
	if (bench->ops == 0 || bench->samples == 0)
		return rows_damaged(rows, "a benchmark without samples");
	if (bench->end < bench->begin)
		return rows_damaged(rows, "a benchmark that ends before it begins");
	stats_sort(bench->ticks, bench->samples);
	return 0;
}

static void add_base(const struct result_stack *stack, const struct exit_sum *sum, size_t sums,
		     uint64_t *records)
{
	for (size_t i = 0; i < sums; i++)
		if (sum[i].level == stack->base)
			*records += sum[i].count;
}

/* Whether the sums are all of the lowest hypervisor's trace. */
static int check_records(const struct rows *rows, const struct result_stack *stack)
{
	uint64_t records = 0;

	add_base(stack, stack->outside, stack->outsides, &records);
	for (size_t i = 0; i < stack->benches; i++)
		add_base(stack, stack->bench[i].exit, stack->bench[i].exits, &records);
	return records == stack->records ? 0 : rows_damaged(rows, "other exits than its trace has");
}

/* The distributions of the exits, with what the sums say of them. */
static int take_latencies(const struct rows *rows, struct result_stack *stack, uint64_t id)
{
	if (latencies_load(&stack->latencies, rows, id) != 0)
		return -1;
	for (size_t i = 0; i < stack->benches; i++)
		for (size_t j = 0; j < stack->bench[i].exits; j++)
			if (latencies_add(&stack->latencies, &stack->bench[i].exit[j], rows) != 0)
				return -1;
	for (size_t i = 0; i < stack->outsides; i++)
		if (latencies_add(&stack->latencies, &stack->outside[i], rows) != 0)
			return -1;
	return latencies_check(&stack->latencies, rows);
}

static int take_stack(const struct rows *rows, void *into)
{
	struct results *results = into;
	struct result_stack *stack =
		rows_grow(rows, results->stack, results->stacks, sizeof(stack[0]));
	uint64_t id = rows_number(rows, 0);

	if (stack == NULL)
		return -1;
	results->stack = stack;
	stack += results->stacks++;
	rows_text(rows, 1, stack->name, sizeof(stack->name));
	/* The name becomes part of file names. */
	if (!stack_valid_name(stack->name))
		return rows_damaged(rows, "a stack with a name that is none");
	rows_text(rows, 2, stack->notation, sizeof(stack->notation));
	stack->depth = (unsigned)rows_number(rows, 3);
	stack->base = kvm_level_begins(stack->notation) ? 1 : 0;
	rows_text(rows, 4, stack->probe_of, sizeof(stack->probe_of));
	rows_text(rows, 5, stack->about, sizeof(stack->about));
	stack->traced = rows_number(rows, 6) != 0;
	stack->records = rows_number(rows, 7);
	stack->cpus = (unsigned)rows_number(rows, 8);
	stack->default_switches = true;
	if (rows_each(rows,
		      "SELECT id, name, component, ops, begin_tsc, end_tsc FROM benchmark "
		      "WHERE stack = ? ORDER BY id",
		      id, take_bench, stack) != 0 ||
	    rows_each(rows, "SELECT name, why FROM skip WHERE stack = ? ORDER BY rowid", id,
		      take_skip, stack) != 0 ||
	    rows_each(rows, "SELECT level, exits FROM lost WHERE stack = ?", id, take_lost,
		      stack) != 0 ||
	    rows_each(rows, "SELECT name, value, level FROM switch WHERE stack = ?", id,
		      take_switch, stack) != 0 ||
	    rows_each(rows, "SELECT name, title, reference FROM tlb WHERE stack = ?", id, take_tlb,
		      stack) != 0 ||
	    rows_each(rows,
		      "SELECT exits, refills, walk_refs FROM observed "
		      "WHERE benchmark IS NULL AND stack = ?",
		      id, take_observed, &stack->observed_outside) != 0)
		return -1;
	if (stack->benches > 0 && results_bench(stack, "empty") == NULL)
		return rows_damaged(rows, "a stack without the benchmark 'empty'");
	if (rows_each(rows, select_outside, id, take_outside, stack) != 0 ||
	    results_take_joined(rows, stack, id) != 0 || results_take_times(rows, stack, id) != 0 ||
	    results_take_levels(rows, stack, id) != 0)
		return -1;
	return take_latencies(rows, stack, id) != 0 ? -1 : check_records(rows, stack);
}

int results_check_version(const char *path, uint64_t version, struct vmfee_error *err)
{
	if (version == SCHEMA_VERSION)
		return 0;
	return vmfee_fail(err, VMFEE_USAGE,
			  "%s: not a results.db of this vmfee (schema %llu, expected %d)", path,
			  (unsigned long long)version, SCHEMA_VERSION);
}

static int take_version(const struct rows *rows, void *into)
{
	(void)into;
	return results_check_version(rows->path, rows_number(rows, 0), rows->err);
}

int results_load(struct results *results, const char *path, struct vmfee_error *err)
{
	struct rows rows;

	memset(results, 0, sizeof(*results));
	int failed =
		rows_open(&rows, path, err) ||
		rows_each(&rows, "PRAGMA user_version", 0, take_version, NULL) ||
		rows_each(&rows, "SELECT key, value FROM run", 0, take_property, results) ||
		rows_each(&rows,
			  "SELECT id, name, notation, depth, probe_of, about, traced, records, "
			  "cpus FROM stack ORDER BY id",
			  0, take_stack, results);
	if (!failed && (results->properties == 0 || results->stacks == 0))
		failed = rows_damaged(&rows, "it holds no run");
	rows_close(&rows);
	return failed ? -1 : 0;
}

void results_free(struct results *results)
{
	for (size_t i = 0; i < results->stacks; i++) {
		struct result_stack *stack = &results->stack[i];
		for (size_t j = 0; j < stack->benches; j++) {
			free(stack->bench[j].ticks);
			free(stack->bench[j].exit);
		}
		free(stack->bench);
		free(stack->skip);
		free(stack->outside);
		free(stack->time);
		free(stack->joined);
		free(stack->beneath);
		free(stack->path);
		vmcs_accesses_free(&stack->accesses);
		latencies_free(&stack->latencies);
	}
	free(results->stack);
	memset(results, 0, sizeof(*results));
}

uint64_t results_records(const struct result_stack *stack)
{
	uint64_t records = stack->observed_outside.exits;

	for (size_t i = 0; i < stack->outsides; i++)
		records += stack->outside[i].count;
	for (size_t i = 0; i < stack->benches; i++) {
		records += stack->bench[i].observed.exits;
		for (size_t j = 0; j < stack->bench[i].exits; j++)
			records += stack->bench[i].exit[j].count;
	}
	return records;
}

const char *results_property(const struct results *results, const char *key)
{
	for (unsigned i = 0; i < results->properties; i++)
		if (strcmp(results->property[i].key, key) == 0)
			return results->property[i].value;
	return "";
}

const struct result_bench *results_bench(const struct result_stack *stack, const char *name)
{
	for (size_t i = 0; i < stack->benches; i++)
		if (strcmp(stack->bench[i].name, name) == 0)
			return &stack->bench[i];
	return NULL;
}
