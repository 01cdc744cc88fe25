/*
 * Counts of a run, priced by a cost model: modelled cycles.
 */
#ifndef BENCH_MODELLED_H
#define BENCH_MODELLED_H

#include "bench/analysis.h"
#include "bench/model.h"

/* Modelled cycles of an operation. */
struct modelled {
	double count[MODEL_COSTS];		    /* what is priced, per operation */
	double low[MODEL_COSTS], high[MODEL_COSTS]; /* the price of each */
	double total_low, total_high;		    /* all together */
	bool has_fee;				    /* the same operation is known natively: */
	double native_low, native_high;		    /* what it costs there */
	double fee_low, fee_high; /* the difference, with the same prices on both sides */
};

/*
 * Whether a stack's counts can be priced: ticks are instructions, and each of its exits from the
 * processor's own VMX is in the trace.  Returns 0, or -1 with VMFEE_USAGE and the reason why not.
 */
int modelled_check(const struct results *results, const struct result_stack *stack,
		   struct vmfee_error *err);

/* Prices a row of an analysis; row->bench must be there. */
void modelled_row(struct modelled *modelled, const struct model *model,
		  const struct analysis *analysis, const struct analysis_row *row);

#endif
