#include "bench/results.h"
#include "bench/kvm_level.h"
#include "bench/schema.h"
#include "bench/stats.h"

#include "l1vmm/switches.h"

#include <ctype.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A query over results.db; without one, what all queries share. */
struct query {
	sqlite3 *db;
	sqlite3_stmt *statement;
	const char *path;
	struct vmfee_error *err;
};

static int fail(const struct query *query)
{
	return vmfee_fail(query->err, VMFEE_USAGE, "%s: %s", query->path,
			  sqlite3_errmsg(query->db));
}

static int damaged(const struct query *query, const char *what)
{
	return vmfee_fail(query->err, VMFEE_USAGE, "%s: damaged: %s", query->path, what);
}

/* The next row: 1, after the last one 0, or -1. */
static int next(const struct query *query)
{
	int code = sqlite3_step(query->statement);

	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : fail(query);
}

static uint64_t number(const struct query *query, int column)
{
	return (uint64_t)sqlite3_column_int64(query->statement, column);
}

static void text(const struct query *query, int column, char *to, size_t size)
{
	const unsigned char *value = sqlite3_column_text(query->statement, column);

	snprintf(to, size, "%s", value == NULL ? "" : (const char *)value);
	/* It may end up on a terminal, which would obey it. */
	for (; *to != '\0'; to++)
		if (iscntrl((unsigned char)*to))
			*to = '?';
}

/*
 * An array with room for one more element, zeroed, behind count of them.  NULL when memory is
 * short; then the array is as it was.
 */
static void *grow(const struct query *query, void *array, size_t count, size_t size)
{
	char *grown = reallocarray(array, count + 1, size);

	if (grown == NULL) {
		vmfee_fail_errno(query->err, "%s", query->path);
		return NULL;
	}
	memset(grown + size * count, 0, size);
	return grown;
}

static int component(const struct query *query, int column, enum fee_component *component)
{
	char name[STACK_MAX_NAME + 1];

	text(query, column, name, sizeof(name));
	for (*component = 0; *component < FEE_COMPONENTS; (*component)++)
		if (strcmp(fee_component_name(*component), name) == 0)
			return 0;
	return damaged(query, "a component that is none");
}

static int reason(const struct query *query, int column, uint16_t *reason)
{
	char name[STACK_MAX_NAME + 1];

	text(query, column, name, sizeof(name));
	int number = exit_reason_by_name(name);
	if (number < 0)
		return damaged(query, "an exit reason that is none");
	*reason = (uint16_t)number;
	return 0;
}

/*
 * Calls take() for each row of a query, whose parameter, if it has one, is id.
 */
static int each_row(const struct query *parent, const char *sql, uint64_t id,
		    int (*take)(const struct query *query, void *into), void *into)
{
	struct query query = *parent;
	int more;

	if (sqlite3_prepare_v2(query.db, sql, -1, &query.statement, NULL) != SQLITE_OK)
		return fail(&query);
	if (sqlite3_bind_parameter_count(query.statement) > 0)
		sqlite3_bind_int64(query.statement, 1, (sqlite3_int64)id);
	while ((more = next(&query)) > 0)
		if (take(&query, into) != 0) {
			more = -1;
			break;
		}
	sqlite3_finalize(query.statement);
	return more;
}

static int take_property(const struct query *query, void *into)
{
	struct results *results = into;

	if (results->properties == RESULTS_MAX_PROPERTIES)
		return damaged(query, "too many properties");
	unsigned i = results->properties++;
	text(query, 0, results->property[i].key, sizeof(results->property[i].key));
	text(query, 1, results->property[i].value, sizeof(results->property[i].value));
	return 0;
}

static int take_sample(const struct query *query, void *into)
{
	struct result_bench *bench = into;
	uint64_t *ticks = grow(query, bench->ticks, bench->samples, sizeof(ticks[0]));

	if (ticks == NULL)
		return -1;
	bench->ticks = ticks;
	ticks[bench->samples++] = number(query, 0);
	return 0;
}

static int take_expectation(const struct query *query, void *into)
{
	struct result_bench *bench = into;

	if (bench->expected == CONSOLE_MAX_EXPECTED)
		return damaged(query, "too many expectations of a benchmark");
	struct console_expectation *expect = &bench->expect[bench->expected++];
	expect->per_op = number(query, 1);
	return reason(query, 0, &expect->reason);
}

static int take_sum(const struct query *query, struct exit_sum *sum)
{
	int column = 0;

	sum->level = (unsigned)number(query, column++);
	if (reason(query, column++, &sum->reason) != 0 ||
	    component(query, column++, &sum->component) != 0)
		return -1;
	sum->count = number(query, column++);
	sum->guest_ticks = number(query, column++);
	sum->handled_ticks = number(query, column++);
	sum->shortest = number(query, column++);
#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) sum->counters.name = number(query, column++);
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
	return 0;
}

static int take_exit(const struct query *query, void *into)
{
	struct result_bench *bench = into;
	struct exit_sum *sum = grow(query, bench->exit, bench->exits, sizeof(sum[0]));

	if (sum == NULL)
		return -1;
	bench->exit = sum;
	return take_sum(query, &sum[bench->exits++]);
}

static int take_outside(const struct query *query, void *into)
{
	struct result_stack *stack = into;
	struct exit_sum *sum = grow(query, stack->outside, stack->outsides, sizeof(sum[0]));

	if (sum == NULL)
		return -1;
	stack->outside = sum;
	return take_sum(query, &sum[stack->outsides++]);
}

static int take_skip(const struct query *query, void *into)
{
	struct result_stack *stack = into;
	struct result_skip *skip = grow(query, stack->skip, stack->skips, sizeof(skip[0]));

	if (skip == NULL)
		return -1;
	stack->skip = skip;
	text(query, 0, skip[stack->skips].name, sizeof(skip->name));
	text(query, 1, skip[stack->skips].why, sizeof(skip->why));
	stack->skips++;
	return 0;
}

#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) ", " #name
static const char select_exits[] = "SELECT level, reason, component, count, guest_ticks, "
				   "handled_ticks, shortest"
#include "telemetry/record.def"
				   " FROM exit_sum WHERE benchmark = ? ORDER BY rowid";
static const char select_outside[] =
	"SELECT level, reason, component, count, guest_ticks, "
	"handled_ticks, shortest"
#include "telemetry/record.def"
	" FROM exit_sum WHERE benchmark IS NULL AND stack = ? ORDER BY rowid";
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER

static int take_switch(const struct query *query, void *into)
{
	struct result_stack *stack = into;
	char name[STACK_MAX_NAME + 1], value[STACK_MAX_NAME + 1];

	text(query, 0, name, sizeof(name));
	text(query, 1, value, sizeof(value));
	if (number(query, 2) == stack->base && !switches_is_default(name, value))
		stack->default_switches = false;
	return 0;
}

static int take_observed(const struct query *query, void *into)
{
	struct observed_sum *sum = into;

	sum->exits = number(query, 0);
	sum->refills = number(query, 1);
	sum->references = number(query, 2);
	return 0;
}

static int take_tlb(const struct query *query, void *into)
{
	struct result_stack *stack = into;

	text(query, 0, stack->tlb.name, sizeof(stack->tlb.name));
	text(query, 1, stack->tlb.title, sizeof(stack->tlb.title));
	stack->tlb.reference = (uint32_t)number(query, 2);
	return stack_valid_name(stack->tlb.name) ? 0
						 : damaged(query, "a TLB with a name that is none");
}

static int take_bench(const struct query *query, void *into)
{
	struct result_stack *stack = into;
	struct result_bench *bench = grow(query, stack->bench, stack->benches, sizeof(bench[0]));
	uint64_t id = number(query, 0);

	if (bench == NULL)
		return -1;
	stack->bench = bench;
	bench += stack->benches++;
	text(query, 1, bench->name, sizeof(bench->name));
	bench->ops = number(query, 3);
	if (!stack_valid_name(bench->name))
		return damaged(query, "a benchmark with a name that is none");
	if (component(query, 2, &bench->component) != 0 ||
	    each_row(query, "SELECT ticks FROM sample WHERE benchmark = ? ORDER BY number", id,
		     take_sample, bench) != 0 ||
	    each_row(query,
		     "SELECT reason, per_op FROM expectation WHERE benchmark = ? ORDER BY rowid",
		     id, take_expectation, bench) != 0 ||
	    each_row(query, select_exits, id, take_exit, bench) != 0 ||
	    each_row(query, "SELECT exits, refills, walk_refs FROM observed WHERE benchmark = ?",
		     id, take_observed, &bench->observed) != 0)
		return -1;
	if (bench->ops == 0 || bench->samples == 0)
		return damaged(query, "a benchmark without samples");
	stats_sort(bench->ticks, bench->samples);
	return 0;
}

static int take_stack(const struct query *query, void *into)
{
	struct results *results = into;
	struct result_stack *stack = grow(query, results->stack, results->stacks, sizeof(stack[0]));
	uint64_t id = number(query, 0);

	if (stack == NULL)
		return -1;
	results->stack = stack;
	stack += results->stacks++;
	text(query, 1, stack->name, sizeof(stack->name));
	/* The name becomes part of file names. */
	if (!stack_valid_name(stack->name))
		return damaged(query, "a stack with a name that is none");
	text(query, 2, stack->notation, sizeof(stack->notation));
	stack->depth = (unsigned)number(query, 3);
	stack->base = kvm_level_begins(stack->notation) ? 1 : 0;
	text(query, 4, stack->probe_of, sizeof(stack->probe_of));
	stack->traced = number(query, 5) != 0;
	stack->records = number(query, 6);
	stack->dropped = number(query, 7);
	stack->default_switches = true;
	if (each_row(query,
		     "SELECT id, name, component, ops FROM benchmark WHERE stack = ? ORDER BY id",
		     id, take_bench, stack) != 0 ||
	    each_row(query, "SELECT name, why FROM skip WHERE stack = ? ORDER BY rowid", id,
		     take_skip, stack) != 0 ||
	    each_row(query, "SELECT name, value, level FROM switch WHERE stack = ?", id,
		     take_switch, stack) != 0 ||
	    each_row(query, "SELECT name, title, reference FROM tlb WHERE stack = ?", id, take_tlb,
		     stack) != 0 ||
	    each_row(query,
		     "SELECT exits, refills, walk_refs FROM observed "
		     "WHERE benchmark IS NULL AND stack = ?",
		     id, take_observed, &stack->observed_outside) != 0)
		return -1;
	if (stack->benches > 0 && results_bench(stack, "empty") == NULL)
		return damaged(query, "a stack without the benchmark 'empty'");
	return each_row(query, select_outside, id, take_outside, stack);
}

static int take_version(const struct query *query, void *into)
{
	(void)into;
	if (number(query, 0) == SCHEMA_VERSION)
		return 0;
	return vmfee_fail(query->err, VMFEE_USAGE,
			  "%s: not a results.db of this vmfee (schema %llu, expected %d)",
			  query->path, (unsigned long long)number(query, 0), SCHEMA_VERSION);
}

int results_load(struct results *results, const char *path, struct vmfee_error *err)
{
	struct query query = {.path = path, .err = err};
	int failed = -1;

	memset(results, 0, sizeof(*results));
	if (sqlite3_open_v2(path, &query.db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		fail(&query);
	else
		failed =
			each_row(&query, "PRAGMA user_version", 0, take_version, NULL) ||
			each_row(&query, "SELECT key, value FROM run", 0, take_property, results) ||
			each_row(&query,
				 "SELECT id, name, notation, depth, probe_of, traced, records, "
				 "dropped FROM stack ORDER BY id",
				 0, take_stack, results);
	if (!failed && (results->properties == 0 || results->stacks == 0))
		failed = damaged(&query, "it holds no run");
	sqlite3_close(query.db);
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
	}
	free(results->stack);
	memset(results, 0, sizeof(*results));
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
