#include "bench/analysis.h"
#include "bench/export.h"

#include <inttypes.h>

/* A counter of exits: the name of its metric, and where a sum has it. */
struct metric {
	const char *name, *help;
	uint64_t (*of)(const struct exit_sum *sum);
};

static uint64_t count_of(const struct exit_sum *sum)
{
	return sum->count;
}

static uint64_t handled_ticks_of(const struct exit_sum *sum)
{
	return sum->handled_ticks;
}

static uint64_t guest_ticks_of(const struct exit_sum *sum)
{
	return sum->guest_ticks;
}

#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text)                     \
	static uint64_t name##_of(const struct exit_sum *sum) \
	{                                                     \
		return sum->counters.name;                    \
	}
#include "telemetry/record.def"
#undef RECORD_COUNTER

static const struct metric metrics[] = {
	{"vmfee_exits", "VM exits", count_of},
	{"vmfee_exit_handled_ticks", "from the exit stamp to the entry stamp", handled_ticks_of},
	{"vmfee_exit_guest_ticks", "that the guest ran before exits", guest_ticks_of},
#define RECORD_COUNTER(ctype, name, text) {"vmfee_exit_" #name, text, name##_of},
#include "telemetry/record.def"
#undef RECORD_COUNTER
#undef RECORD_HEADER
#undef RECORD_FIELD
};

static void put_family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

/* The callers' families are of one metric at a time. */
static void put_sums(const struct export *export, const struct metric *metric,
		     const struct result_stack *stack, const struct result_bench *bench)
{
	const struct exit_sum *sum = bench == NULL ? stack->outside : bench->exit;
	size_t sums = bench == NULL ? stack->outsides : bench->exits;

	for (const struct exit_sum *end = sum + sums; sum != end; sum++)
		if (export_wants_reason(export, sum->reason))
			fprintf(export->out,
				"%s_total{stack=\"%s\",benchmark=\"%s\",level=\"%u\",reason=\"%s\","
				"component=\"%s\"} %" PRIu64 "\n",
				metric->name, stack->name, bench == NULL ? "" : bench->name,
				sum->level, exit_reason_name(sum->reason),
				fee_component_name(sum->component), metric->of(sum));
}

static void put_metric(const struct export *export, const struct metric *metric)
{
	put_family(export->out, metric->name, "counter", metric->help);
	for (size_t i = 0; i < export->results->stacks; i++) {
		const struct result_stack *stack = &export->results->stack[i];
		if (!export_wants_stack(export, stack))
			continue;
		for (size_t j = 0; j < stack->benches; j++)
			put_sums(export, metric, stack, &stack->bench[j]);
		put_sums(export, metric, stack, NULL);
	}
}

/* Whether a level has told of its exits. */
static bool is_told(const struct result_stack *stack, unsigned level)
{
	bool told = (stack->traced && level == stack->base) || stack->lost[level] > 0;

	for (size_t i = 0; i < stack->latencies.rows; i++)
		told = told || stack->latencies.row[i].level == level;
	return told;
}

static void put_lost(const struct export *export)
{
	put_family(export->out, "vmfee_exits_lost", "counter", "exits whose record was lost");
	for (size_t i = 0; i < export->results->stacks; i++) {
		const struct result_stack *stack = &export->results->stack[i];
		for (unsigned level = 0; level < STACK_MAX_LEVELS; level++)
			if (export_wants_stack(export, stack) && is_told(stack, level))
				fprintf(export->out,
					"vmfee_exits_lost_total{stack=\"%s\",level=\"%u\"} %" PRIu64
					"\n",
					stack->name, level, stack->lost[level]);
	}
}

static void put_ticks(const struct export *export)
{
	put_family(export->out, "vmfee_operation_ticks", "gauge",
		   "of one operation: the median sample less the empty harness");
	for (size_t i = 0; i < export->results->stacks; i++) {
		const struct result_stack *stack = &export->results->stack[i];
		for (size_t j = 0; export_wants_stack(export, stack) && j < stack->benches; j++)
			fprintf(export->out,
				"vmfee_operation_ticks{stack=\"%s\",benchmark=\"%s\"} %.10g\n",
				stack->name, stack->bench[j].name,
				analysis_ticks(stack, &stack->bench[j]));
	}
}

static void put_run(const struct export *export)
{
	static const char *const keys[] = {"experiment", "platform", "platform_version",
					   "cpu",	 "tick",     "vmfee"};

	put_family(export->out, "vmfee_run", "info", "what was run, and what a tick is");
	fputs("vmfee_run_info{", export->out);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		fprintf(export->out, "%s%s=", i == 0 ? "" : ",", keys[i]);
		export_string(export->out, results_property(export->results, keys[i]));
	}
	fputs("} 1\n", export->out);
}

int export_openmetrics(const struct export *export)
{
	put_run(export);
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		put_metric(export, &metrics[i]);
	put_lost(export);
	put_ticks(export);
	fputs("# EOF\n", export->out);
	return 0;
}
