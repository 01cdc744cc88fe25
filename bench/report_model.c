#include "bench/report_model.h"
#include "bench/table.h"

/* What one of the two forms makes of a stack that can be priced. */
typedef int (*write_stack)(const struct analysis *analysis, const struct model *model, FILE *out,
			   unsigned width, struct vmfee_error *err);

static void put_range(struct table *table, double low, double high)
{
	int decimals = high < 10 ? 1 : 0;

	if (low == high)
		table_cell(table, "%.*f", decimals, low);
	else
		table_cell(table, "%.*f-%.*f", decimals, low, decimals, high);
}

static void put_row(struct table *table, const struct modelled *modelled, const char *name)
{
	double vmcs_low = modelled->low[COST_VMREAD] + modelled->low[COST_VMWRITE];
	double vmcs_high = modelled->high[COST_VMREAD] + modelled->high[COST_VMWRITE];

	table_cell(table, "%s", name);
	put_range(table, modelled->low[COST_TRANSITION], modelled->high[COST_TRANSITION]);
	put_range(table, vmcs_low, vmcs_high);
	put_range(table, modelled->low[COST_REFERENCE], modelled->high[COST_REFERENCE]);
	put_range(table, modelled->low[COST_INSTRUCTION], modelled->high[COST_INSTRUCTION]);
	put_range(table, modelled->total_low, modelled->total_high);
	if (!modelled->has_fee) {
		table_none(table);
		table_none(table);
		return;
	}
	put_range(table, modelled->native_low, modelled->native_high);
	put_range(table, modelled->fee_low, modelled->fee_high);
}

static int print_stack(const struct analysis *analysis, const struct model *model, FILE *out,
		       unsigned width, struct vmfee_error *err)
{
	struct table table;
	struct modelled modelled;

	fprintf(out, "\n%s (%s), modelled cycles per operation, from-to:\n\n",
		analysis->stack->name, analysis->stack->notation);
	table_begin(&table,
		    "<benchmark|transitions|VMCS|walks|instructions|modelled|native|modelled fee");
	for (size_t i = 0; i < analysis->rows; i++) {
		if (analysis->row[i].bench == NULL)
			continue;
		modelled_row(&modelled, model, analysis, &analysis->row[i]);
		put_row(&table, &modelled, analysis->row[i].name);
	}
	if (table_print(&table, out, width) != 0)
		return vmfee_fail(err, VMFEE_SYSTEM, "out of memory for the report");
	return 0;
}

static int csv_stack(const struct analysis *analysis, const struct model *model, FILE *out,
		     unsigned width, struct vmfee_error *err)
{
	struct modelled modelled;

	(void)width;
	(void)err;
	for (size_t i = 0; i < analysis->rows; i++) {
		if (analysis->row[i].bench == NULL)
			continue;
		modelled_row(&modelled, model, analysis, &analysis->row[i]);
		fprintf(out, "%s,%s,%s", analysis->row[i].name, analysis->stack->name, model->name);
		for (int j = 0; j < MODEL_COSTS; j++)
			fprintf(out, ",%.10g,%.10g,%.10g", modelled.count[j], modelled.low[j],
				modelled.high[j]);
		fprintf(out, ",%.10g,%.10g", modelled.total_low, modelled.total_high);
		if (modelled.has_fee)
			fprintf(out, ",%.10g,%.10g\n", modelled.fee_low, modelled.fee_high);
		else
			fprintf(out, ",,\n");
	}
	return 0;
}

/* Stacks that cannot be priced are named where there is a place for it. */
static int each_stack(const struct results *results, const struct model *model, write_stack write,
		      FILE *notes, FILE *out, unsigned width, struct vmfee_error *err)
{
	struct vmfee_error why = {0};
	size_t priced = 0;

	for (size_t i = 0; i < results->stacks; i++) {
		const struct result_stack *stack = &results->stack[i];
		struct analysis analysis = {0};
		if (!analysis_in_tables(results, stack))
			continue;
		why = (struct vmfee_error){0};
		if (modelled_check(results, stack, &why) != 0) {
			if (notes != NULL)
				fprintf(notes, "\n%s (%s) is not modelled: %s.\n", stack->name,
					stack->notation, why.text);
			continue;
		}
		priced++;
		int failed = analyse(&analysis, results, stack, err) != 0 ||
			     write(&analysis, model, out, width, err) != 0;
		analysis_free(&analysis);
		if (failed)
			return -1;
	}
	if (priced == 0)
		return vmfee_fail(err, VMFEE_USAGE, "nothing of this run can be modelled: %s",
				  why.text);
	return 0;
}

static void print_sources(const struct model *model, FILE *out)
{
	fprintf(out, "\nThe prices of %s, in cycles:\n", model->name);
	for (int i = 0; i < MODEL_COSTS; i++)
		if (model_prices(model, i))
			fprintf(out, "  %s: %g to %g\n    %s\n", model_cost_text(i),
				model->cost[i].low, model->cost[i].high, model->cost[i].source);
		else if (i == COST_REFERENCE)
			fprintf(out, "  %s: not priced, no source; counted as nothing\n",
				model_cost_text(i));
		else
			fprintf(out, "  %s: no source; priced as any other instruction\n",
				model_cost_text(i));
}

int report_model(const struct results *results, const struct model *model, FILE *out,
		 unsigned width, struct vmfee_error *err)
{
	fprintf(out, "%s: %s\n", results_property(results, "experiment"),
		results_property(results, "title"));
	fprintf(out, "Modelled, not measured: counts of %s, priced as on %s.\n",
		results_property(results, "platform"), model->title);
	if (each_stack(results, model, print_stack, out, out, width, err) != 0)
		return -1;
	print_sources(model, out);
	return 0;
}

int report_model_csv(const struct results *results, const struct model *model, FILE *out,
		     struct vmfee_error *err)
{
	fprintf(out, "benchmark,stack,model");
	for (int i = 0; i < MODEL_COSTS; i++)
		fprintf(out, ",%s,modelled_%s_low,modelled_%s_high", model_cost_name(i),
			model_cost_name(i), model_cost_name(i));
	fprintf(out, ",modelled_low,modelled_high,modelled_fee_low,modelled_fee_high\n");
	return each_stack(results, model, csv_stack, NULL, out, 0, err);
}
