#include "bench/analysis.h"
#include "bench/export.h"

#include <inttypes.h>

/*
 * The format knows times alone and calls their unit by one of four names; context.tick says what a
 * "ns" of this file is.
 */
static void put_context(const struct export *export)
{
	static const char *const keys[] = {"experiment", "title", "platform", "platform_version",
					   "cpu",	 "tick",  "unit",     "vmfee"};

	fputs("{\n  \"context\": {\n    \"executable\": \"vmfee\",\n"
	      "    \"library_build_type\": \"release\"",
	      export->out);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		fprintf(export->out, ",\n    \"%s\": ", keys[i]);
		export_string(export->out, results_property(export->results, keys[i]));
	}
	fputs("\n  },\n  \"benchmarks\": [", export->out);
}

static void put_entry(const struct export *export, const struct result_stack *stack,
		      const struct result_bench *bench, const char *aggregate, double ticks)
{
	fprintf(export->out,
		"    {\"name\": \"%s/%s%s%s\", \"run_name\": \"%s/%s\", \"run_type\": \"%s\", "
		"\"repetitions\": %zu, \"threads\": 1, \"iterations\": %" PRIu64
		", \"real_time\": %.17g, \"cpu_time\": %.17g, \"time_unit\": \"ns\"",
		stack->name, bench->name, aggregate == NULL ? "" : "_",
		aggregate == NULL ? "" : aggregate, stack->name, bench->name,
		aggregate == NULL ? "iteration" : "aggregate", bench->samples, bench->ops, ticks,
		ticks);
}

/* A repetition is a sample, an iteration an operation; the empty harness is subtracted. */
static void put_bench(const struct export *export, const struct result_stack *stack,
		      const struct result_bench *bench, const char *separator)
{
	double harness = (double)results_bench(stack, "empty")->ticks[0];

	for (size_t i = 0; i < bench->samples; i++) {
		fputs(separator, export->out);
		put_entry(export, stack, bench, NULL,
			  ((double)bench->ticks[i] - harness) / (double)bench->ops);
		fprintf(export->out, ", \"repetition_index\": %zu}", i);
		separator = ",\n";
	}
	fputs(separator, export->out);
	put_entry(export, stack, bench, "median", analysis_ticks(stack, bench));
	fputs(", \"aggregate_name\": \"median\", \"aggregate_unit\": \"time\"}", export->out);
}

int export_benchmark(const struct export *export)
{
	const char *separator = "\n";

	if (export->reason != NULL)
		return vmfee_fail(export->err, VMFEE_USAGE,
				  "samples have no reason: --reason is about exits");
	put_context(export);
	for (size_t i = 0; i < export->results->stacks; i++) {
		const struct result_stack *stack = &export->results->stack[i];
		for (size_t j = 0; export_wants_stack(export, stack) && j < stack->benches; j++) {
			put_bench(export, stack, &stack->bench[j], separator);
			separator = ",\n";
		}
	}
	fputs("\n  ]\n}\n", export->out);
	return 0;
}
