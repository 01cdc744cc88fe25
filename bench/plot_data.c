#include "bench/plot_data.h"
#include "bench/crossover.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void number(FILE *out, bool there, double value)
{
	fputc(',', out);
	if (there)
		fprintf(out, "%.10g", value);
}

unsigned plot_data_ticks(const struct analysis *analysis, FILE *out)
{
	unsigned shown = 0;

	fputs("benchmark", out);
	if (analysis->native != NULL)
		fprintf(out, ",%s", analysis->native->name);
	fprintf(out, ",%s\n", analysis->stack->name);
	for (size_t i = 0; i < analysis->rows; i++) {
		const struct analysis_row *row = &analysis->row[i];
		fputs(row->name, out);
		if (analysis->native != NULL)
			number(out, row->native != NULL, row->native_ticks);
		number(out, row->bench != NULL, row->ticks);
		fputc('\n', out);
		shown += row->ticks > 0 || row->native_ticks > 0;
	}
	return shown;
}

unsigned plot_data_components(const struct analysis *analysis, FILE *out)
{
	fputs("benchmark", out);
	for (int i = 0; i < FEE_COMPONENTS; i++)
		fprintf(out, ",%s", fee_component_name(i));
	fputc('\n', out);
	for (size_t i = 0; i < analysis->rows; i++) {
		const struct analysis_row *row = &analysis->row[i];
		if (!analysis_has_fee(row))
			continue;
		fputs(row->name, out);
		for (int j = 0; j < FEE_COMPONENTS; j++)
			number(out, true, row->part[j]);
		fputc('\n', out);
	}
	return analysis->priced;
}

/* Lines of "sample share", the sample divided by `unit`; the first step rises from the axis. */
static void write_samples(const struct result_bench *bench, double unit, FILE *out)
{
	fprintf(out, "%.10g 0\n", (double)bench->ticks[0] / unit);
	for (size_t i = 0; i < bench->samples; i++) {
		uint64_t ticks = bench->ticks[i];
		if (i + 1 < bench->samples && bench->ticks[i + 1] == ticks)
			continue;
		fprintf(out, "%.10g %.10g\n", (double)ticks / unit,
			stats_ecdf(bench->ticks, bench->samples, ticks));
	}
}

unsigned plot_data_arrival(const struct results *results, const char *benchmark, FILE *out)
{
	unsigned blocks = 0;

	for (size_t i = 0; i < results->stacks; i++) {
		const struct result_stack *stack = &results->stack[i];
		const struct result_bench *bench = results_bench(stack, benchmark);
		if (bench == NULL || stack->probe_of[0] != '\0')
			continue;
		fprintf(out, "%s\"%s\"\n", blocks++ == 0 ? "" : "\n\n", stack->name);
		write_samples(bench, 1, out);
	}
	return blocks;
}

static double median_of(const struct result_stack *stack, const char *benchmark)
{
	const struct result_bench *bench = results_bench(stack, benchmark);

	return bench == NULL ? 0 : stats_median(bench->ticks, bench->samples);
}

unsigned plot_data_storm(const struct results *results, const struct family *family, FILE *out)
{
	unsigned blocks = 0;

	for (size_t i = 0; i < results->stacks; i++) {
		const struct result_stack *stack = &results->stack[i];
		double calm = median_of(stack, family->member[0].name);
		if (calm <= 0 || stack->probe_of[0] != '\0')
			continue;
		fprintf(out, "%s\"%s\"\n", blocks++ == 0 ? "" : "\n\n", stack->name);
		for (unsigned j = 0; j < family->members; j++) {
			double ticks = median_of(stack, family->member[j].name);
			if (ticks > 0)
				fprintf(out, "%.10g %.10g\n", family->member[j].number,
					calm / ticks);
		}
	}
	return blocks;
}

/* Ticks of a level's own for an operation of a row. */
static double of_level(const struct result_stack *stack, const struct analysis_row *row,
		       unsigned level)
{
	uint64_t ticks = 0;

	for (size_t i = 0; i < stack->paths; i++)
		if (stack->path[i].level == level &&
		    stack->path[i].window == (unsigned)(row->bench - stack->bench))
			ticks += stack->path[i].own_ticks;
	return (double)ticks / result_operations(row->bench);
}

unsigned plot_data_levels(const struct analysis *analysis, FILE *out)
{
	const struct result_stack *stack = analysis->stack;
	unsigned shown = 0, top = stack->base;

	for (size_t i = 0; i < stack->paths; i++)
		if (stack->path[i].level > top)
			top = stack->path[i].level;
	fputs("benchmark", out);
	for (unsigned level = stack->base; level <= top; level++)
		fprintf(out, ",L%u", level);
	fputs(",rest\n", out);
	for (size_t i = 0; top > stack->base && i < analysis->rows; i++) {
		const struct analysis_row *row = &analysis->row[i];
		double rest = row->ticks;
		if (row->bench == NULL || row->ticks <= 0)
			continue;
		fputs(row->name, out);
		for (unsigned level = stack->base; level <= top; level++) {
			double part = of_level(stack, row, level);
			number(out, true, part);
			rest -= part;
		}
		number(out, true, fmax(rest, 0));
		fputc('\n', out);
		shown++;
	}
	return shown;
}

unsigned plot_data_spread(const struct analysis *analysis, FILE *out)
{
	unsigned blocks = 0;

	for (size_t i = 0; i < analysis->rows; i++) {
		const struct result_bench *bench = analysis->row[i].bench;
		if (bench == NULL || bench->ticks[0] == bench->ticks[bench->samples - 1])
			continue;
		double median = stats_median(bench->ticks, bench->samples);
		fprintf(out, "%s\"%s\"\n", blocks++ == 0 ? "" : "\n\n", bench->name);
		write_samples(bench, median, out);
	}
	return blocks;
}

unsigned plot_data_latency(const struct analysis *analysis, FILE *out)
{
	const struct latencies *latencies = &analysis->stack->latencies;
	unsigned blocks = 0;

	for (size_t i = 0; i < latencies->rows; i++) {
		const struct latency *latency = &latencies->row[i];
		uint64_t seen = 0;
		fprintf(out, "%s\"L%u %s %s\"\n", blocks++ == 0 ? "" : "\n\n", latency->level,
			exit_reason_name(latency->reason), fee_component_name(latency->component));
		/* The first step rises from the axis. */
		fprintf(out, "%" PRIu64 " 0\n", latency->shortest);
		for (size_t j = 0; j < latency->buckets; j++) {
			uint64_t high = latency->bucket[j].high;
			seen += latency->bucket[j].count;
			fprintf(out, "%" PRIu64 " %.10g\n",
				high < latency->longest ? high : latency->longest,
				(double)seen / (double)latency->count);
		}
	}
	return blocks;
}

/* Adds a stack's fees of a benchmark to parts, or says that there are none. */
static bool add_fee(const struct analysis *analysis, const char *benchmark, double *part)
{
	for (size_t i = 0; i < analysis->rows; i++) {
		const struct analysis_row *row = &analysis->row[i];
		if (strcmp(row->name, benchmark) != 0 || !analysis_has_fee(row))
			continue;
		for (int j = 0; part != NULL && j < FEE_COMPONENTS; j++)
			part[j] += row->part[j];
		return true;
	}
	return false;
}

static bool on_all(const struct analysis *analyses, size_t stacks, const char *benchmark)
{
	for (size_t i = 0; i < stacks; i++)
		if (!add_fee(&analyses[i], benchmark, NULL))
			return false;
	return true;
}

static void write_stacks(const struct analysis *analyses, size_t stacks, FILE *out)
{
	fputs("stack", out);
	for (int i = 0; i < FEE_COMPONENTS; i++)
		fprintf(out, ",%s", fee_component_name(i));
	fputc('\n', out);
	for (size_t i = 0; i < stacks; i++) {
		double part[FEE_COMPONENTS] = {0};
		for (size_t j = 0; j < analyses[0].rows; j++)
			if (on_all(analyses, stacks, analyses[0].row[j].name))
				add_fee(&analyses[i], analyses[0].row[j].name, part);
		fputs(analyses[i].stack->name, out);
		for (int j = 0; j < FEE_COMPONENTS; j++)
			number(out, true, part[j]);
		fputc('\n', out);
	}
}

unsigned plot_data_stacks(const struct results *results, FILE *out)
{
	struct vmfee_error err = {0};
	struct analysis *analyses = calloc(results->stacks, sizeof(analyses[0]));
	unsigned stacks = 0;

	for (size_t i = 0; analyses != NULL && i < results->stacks; i++) {
		if (!analysis_in_tables(results, &results->stack[i]))
			continue;
		if (analyse(&analyses[stacks], results, &results->stack[i], &err) == 0 &&
		    analyses[stacks].priced > 0)
			stacks++;
		else
			analysis_free(&analyses[stacks]);
	}
	if (stacks > 1)
		write_stacks(analyses, stacks, out);
	for (unsigned i = 0; i < stacks; i++)
		analysis_free(&analyses[i]);
	free(analyses);
	return stacks > 1 ? stacks : 0;
}

/* The lowest modelled cost of a member on any stack of the model. */
static double cheapest(const struct results *results, const char *model, const char *benchmark)
{
	double least = NAN;

	for (size_t i = 0; i < results->stacks; i++)
		if (strcmp(results->stack[i].tlb.name, model) == 0)
			least = fmin(least, crossover_cost(&results->stack[i], benchmark));
	return least;
}

static void tlb_member(const struct results *results, const struct result_stack *stack,
		       const struct family_member *member, FILE *out)
{
	const struct result_bench *bench = results_bench(stack, member->name);
	double cost = crossover_cost(stack, member->name);

	if (bench == NULL)
		return;
	fprintf(out, "%.10g %s %.10g %.10g %.10g %.10g\n", member->number, member->label,
		(double)bench->observed.refills / result_operations(bench),
		(double)bench->observed.references / result_operations(bench), cost,
		cost / cheapest(results, stack->tlb.name, member->name));
}

unsigned plot_data_tlb(const struct results *results, const struct result_stack *first,
		       const struct family *family, FILE *out)
{
	unsigned blocks = 0;

	for (size_t i = 0; i < results->stacks; i++) {
		const struct result_stack *stack = &results->stack[i];
		if (strcmp(stack->tlb.name, first->tlb.name) != 0)
			continue;
		fprintf(out, "%s\"%s\"\n", blocks++ == 0 ? "" : "\n\n", stack->name);
		for (unsigned j = 0; j < family->members; j++)
			tlb_member(results, stack, &family->member[j], out);
	}
	return blocks;
}
