#include "bench/reproduction.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void nothing(struct reproduction *ours, const char *why)
{
	ours->by = NULL;
	snprintf(ours->why, sizeof(ours->why), "%s", why);
}

static void count_exits(struct reproduction *ours, const struct published_row *row,
			const struct analysis *analysis, const struct analysis_row *of)
{
	int reason = row->reason[0] == '\0' ? -1 : exit_reason_by_name(row->reason);

	if (!analysis->stack->traced) {
		nothing(ours, "its exits are not in a trace");
		return;
	}
	ours->by = "counted";
	ours->low = reason < 0 ? of->exits_per_op : 0;
	for (unsigned i = 0; reason >= 0 && i < of->exits; i++)
		if (of->exit[i].reason == reason)
			ours->low = of->exit[i].per_op;
	ours->high = ours->low;
}

/*
 * The fee as a share.  Instructions are priced alike above and below the line, everything else only
 * above: its share is least where it is cheap and instructions are dear.
 */
static void share(struct reproduction *ours, const struct modelled *modelled,
		  const struct analysis_row *of)
{
	double instructions = modelled->count[COST_INSTRUCTION] / of->native_ticks - 1;
	double others_low = modelled->total_low - modelled->low[COST_INSTRUCTION];
	double others_high = modelled->total_high - modelled->high[COST_INSTRUCTION];

	ours->low = 100 * (others_low / modelled->native_high + instructions);
	ours->high = 100 * (others_high / modelled->native_low + instructions);
}

static int price(struct reproduction *ours, const struct published_row *row, const char *models,
		 const struct analysis *analysis, const struct analysis_row *of,
		 struct vmfee_error *err)
{
	struct model model;
	struct modelled modelled;

	if (model_load(&model, models, row->model, err) != 0)
		return -1;
	modelled_row(&modelled, &model, analysis, of);
	ours->by = "modelled";
	ours->low = modelled.total_low;
	ours->high = modelled.total_high;
	if (row->unit == PUBLISHED_PERCENT)
		share(ours, &modelled, of);
	return 0;
}

static void measure(struct reproduction *ours, const struct published_row *row,
		    const struct analysis_row *of)
{
	ours->by = "measured";
	ours->low = row->unit == PUBLISHED_PERCENT ? 100 * of->fee / of->native_ticks : of->ticks;
	ours->high = ours->low;
}

static int work_out(struct reproduction *ours, const struct published_row *row,
		    const struct results *results, const char *models,
		    const struct analysis *analysis, const struct analysis_row *of,
		    struct vmfee_error *err)
{
	struct vmfee_error why = {0};

	if (row->unit == PUBLISHED_EXITS) {
		count_exits(ours, row, analysis, of);
		return 0;
	}
	if (row->unit == PUBLISHED_PERCENT && (!analysis_has_fee(of) || of->native_ticks <= 0)) {
		nothing(ours, "it is not known natively");
		return 0;
	}
	if (strcmp(results_property(results, "unit"), "cycles") == 0)
		measure(ours, row, of);
	else if (modelled_check(results, analysis->stack, &why) != 0)
		nothing(ours, why.text);
	else if (price(ours, row, models, analysis, of, err) != 0)
		return -1;
	/* A GHz is a thousand cycles a microsecond. */
	if (ours->by != NULL && row->unit == PUBLISHED_US) {
		ours->low /= 1000 * row->clock;
		ours->high /= 1000 * row->clock;
	}
	return 0;
}

int reproduce(struct reproduction *ours, const struct published_row *row,
	      const struct results *results, const char *models, struct vmfee_error *err)
{
	const struct result_stack *stack = NULL;
	struct analysis analysis;
	int failed = 0;

	*ours = (struct reproduction){0};
	for (size_t i = 0; i < results->stacks; i++)
		if (strcmp(results->stack[i].name, row->stack) == 0)
			stack = &results->stack[i];
	nothing(ours, "the run has no such stack and benchmark");
	if (stack == NULL)
		return 0;
	if (analyse(&analysis, results, stack, err) != 0)
		failed = -1;
	for (size_t i = 0; !failed && i < analysis.rows; i++)
		if (analysis.row[i].bench != NULL &&
		    strcmp(analysis.row[i].name, row->benchmark) == 0)
			failed = work_out(ours, row, results, models, &analysis, &analysis.row[i],
					  err);
	analysis_free(&analysis);
	return failed;
}
