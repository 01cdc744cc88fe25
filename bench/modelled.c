#include "bench/modelled.h"
#include "bench/platform.h"

#include <math.h>
#include <string.h>

int modelled_check(const struct results *results, const struct result_stack *stack,
		   struct vmfee_error *err)
{
	const struct platform *platform = platform_find(results_property(results, "platform"));

	if (platform == NULL || platform->machine != PLATFORM_BOCHS)
		return vmfee_fail(err, VMFEE_USAGE, "ticks are no counts of instructions");
	if (stack->base != 0)
		return vmfee_fail(err, VMFEE_USAGE, "nobody counts the VMREADs of the KVM beneath");
	if (stack->depth > 0 && !stack->traced)
		return vmfee_fail(err, VMFEE_USAGE, "there is no trace of its exits");
	return 0;
}

/* An entry, a VMREAD and a VMWRITE are an instruction each, which has a price of its own. */
static void count(struct modelled *modelled, const struct model *model,
		  const struct result_bench *bench, const struct analysis_row *row)
{
	double operations = result_operations(bench);
	double *counts = modelled->count;

	for (size_t i = 0; i < bench->exits; i++) {
		const struct exit_sum *sum = &bench->exit[i];
		if (sum->level != 0)
			continue;
		counts[COST_TRANSITION] += (double)sum->count / operations;
		counts[COST_VMREAD] += (double)sum->counters.vmreads / operations;
		counts[COST_VMWRITE] += (double)sum->counters.vmwrites / operations;
	}
	counts[COST_REFERENCE] = row->references_per_op;
	counts[COST_INSTRUCTION] = row->ticks - counts[COST_TRANSITION];
	for (int i = COST_VMREAD; i <= COST_VMWRITE; i++) {
		if (model_prices(model, i))
			counts[COST_INSTRUCTION] -= counts[i];
		else
			counts[i] = 0;
	}
	counts[COST_INSTRUCTION] = fmax(0, counts[COST_INSTRUCTION]);
}

void modelled_row(struct modelled *modelled, const struct model *model,
		  const struct analysis *analysis, const struct analysis_row *row)
{
	*modelled = (struct modelled){0};
	count(modelled, model, row->bench, row);
	for (int i = 0; i < MODEL_COSTS; i++) {
		modelled->low[i] = modelled->count[i] * model->cost[i].low;
		modelled->high[i] = modelled->count[i] * model->cost[i].high;
		modelled->total_low += modelled->low[i];
		modelled->total_high += modelled->high[i];
	}
	if (analysis->native == NULL || row->native == NULL)
		return;
	modelled->has_fee = true;
	modelled->native_low = row->native_ticks * model->cost[COST_INSTRUCTION].low;
	modelled->native_high = row->native_ticks * model->cost[COST_INSTRUCTION].high;
	/* An instruction costs the same on both sides, whatever it costs. */
	modelled->fee_low = modelled->total_low - modelled->native_low;
	modelled->fee_high = modelled->total_high - modelled->native_high;
}
