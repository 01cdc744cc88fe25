#include "bench/csv.h"

#include <inttypes.h>

static const char headings[] =
	"benchmark,stack,depth,ops,ticks_per_op,exits_per_op,fee_per_op,ticks_per_op_low,"
	"ticks_per_op_high,samples,min,median,max,mad,component"
#define COMPONENT(NAME, name, text) "," #name
#include "telemetry/component.def"
#undef COMPONENT
	",telemetry_per_exit,exits";

/* Only where a stack was observed. */
static const char observed_headings[] = ",tlb_refills_per_op,walk_references_per_op";

static void number(FILE *out, bool there, double value)
{
	fputc(',', out);
	/* Enough digits for any count of instructions, few enough to hide binary fractions. */
	if (there)
		fprintf(out, "%.10g", value == 0 ? 0 : value);
}

/* REASON:PER_OP;REASON:PER_OP */
static void exits(FILE *out, const struct analysis_row *row)
{
	const char *separator = "";

	fputc(',', out);
	for (unsigned i = 0; i < row->exits; i++) {
		if (row->exit[i].seen == 0)
			continue;
		fprintf(out, "%s%s:%.10g", separator, exit_reason_name(row->exit[i].reason),
			row->exit[i].per_op);
		separator = ";";
	}
}

static int write_row(const struct result_stack *stack, const struct analysis_row *row,
		     bool observed, FILE *out)
{
	const struct result_bench *bench = row->bench;
	bool priced = analysis_has_fee(row);
	double mad;

	if (stats_mad(bench->ticks, bench->samples, &mad) != 0)
		return -1;
	fprintf(out, "%s,%s,%u,%" PRIu64, row->name, stack->name, stack->depth, bench->ops);
	number(out, true, row->ticks);
	number(out, stack->traced || stack->depth == 0, row->exits_per_op);
	number(out, priced, row->fee);
	number(out, true, row->interval.low);
	number(out, true, row->interval.high);
	fprintf(out, ",%zu,%" PRIu64, bench->samples, bench->ticks[0]);
	number(out, true, stats_median(bench->ticks, bench->samples));
	fprintf(out, ",%" PRIu64, bench->ticks[bench->samples - 1]);
	number(out, true, mad);
	fprintf(out, ",%s", fee_component_name(bench->component));
	for (int i = 0; i < FEE_COMPONENTS; i++)
		number(out, priced, row->part[i]);
	number(out, row->probed, row->telemetry);
	exits(out, row);
	if (observed) {
		number(out, analysis_is_observed(stack), row->refills_per_op);
		number(out, analysis_is_observed(stack), row->references_per_op);
	}
	fputc('\n', out);
	return 0;
}

int csv_write(const struct results *results, FILE *out, struct vmfee_error *err)
{
	bool observed = false;

	for (size_t i = 0; i < results->stacks; i++)
		observed |= analysis_is_observed(&results->stack[i]);
	fprintf(out, "%s%s\n", headings, observed ? observed_headings : "");
	for (size_t i = 0; i < results->stacks; i++) {
		const struct result_stack *stack = &results->stack[i];
		struct analysis analysis;
		int failed = analyse(&analysis, results, stack, err);
		for (size_t j = 0; !failed && j < analysis.rows; j++)
			if (analysis.row[j].bench != NULL &&
			    write_row(stack, &analysis.row[j], observed, out) != 0)
				failed = vmfee_fail_errno(err, "table of %s", stack->name);
		analysis_free(&analysis);
		if (failed)
			return -1;
	}
	return 0;
}
