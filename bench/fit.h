/*
 * Prices of what was counted, fitted to what was measured: weighted least squares, no price below
 * zero.
 */
#ifndef BENCH_FIT_H
#define BENCH_FIT_H

#include "bench/model.h"

#include <stddef.h>

/* What an operation was counted to do, and what it was measured to take. */
struct fit_row {
	double count[MODEL_COSTS];
	double ticks;
	double sigma; /* standard error of ticks, above 0 */
};

struct fit {
	bool counted[MODEL_COSTS]; /* some row has it */
	bool priced[MODEL_COSTS];  /* and it has a price above zero */
	double price[MODEL_COSTS];
	double margin[MODEL_COSTS]; /* of the price, 95 % on either side */
	double chi2;		    /* squares of what the rows are off by, in their sigmas */
	size_t freedom;		    /* rows less prices; chi2 is about that where all is well */
};

/*
 * Fits.  Returns 0; or -1 with VMFEE_USAGE where rows are too few, or where several prices explain
 * them as well, which are named; VMFEE_SYSTEM when memory is short.
 */
int fit_prices(struct fit *fit, const struct fit_row *rows, size_t count, struct vmfee_error *err);

/* What the prices make of a row. */
double fit_ticks(const struct fit *fit, const struct fit_row *row);

#endif
