#include "bench/plot_data.h"
#include "bench/crossover.h"

#include <math.h>
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

unsigned plot_data_spread(const struct analysis *analysis, FILE *out)
{
	unsigned blocks = 0;

	for (size_t i = 0; i < analysis->rows; i++) {
		const struct result_bench *bench = analysis->row[i].bench;
		if (bench == NULL || bench->ticks[0] == bench->ticks[bench->samples - 1])
			continue;
		double median = stats_median(bench->ticks, bench->samples);
		fprintf(out, "%s\"%s\"\n", blocks++ == 0 ? "" : "\n\n", bench->name);
		/* The first step rises from the axis. */
		fprintf(out, "%.10g 0\n", (double)bench->ticks[0] / median);
		for (size_t j = 0; j < bench->samples; j++) {
			uint64_t ticks = bench->ticks[j];
			if (j + 1 < bench->samples && bench->ticks[j + 1] == ticks)
				continue;
			fprintf(out, "%.10g %.10g\n", (double)ticks / median,
				stats_ecdf(bench->ticks, bench->samples, ticks));
		}
	}
	return blocks;
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
