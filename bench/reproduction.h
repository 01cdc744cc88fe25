/*
 * What a run has to set against a published number.
 */
#ifndef BENCH_REPRODUCTION_H
#define BENCH_REPRODUCTION_H

#include "bench/modelled.h"
#include "bench/published.h"

struct reproduction {
	double low, high; /* in the unit of the row */
	const char *by;	  /* "counted", "measured", "modelled"; NULL: there is nothing */
	char why[512];	  /* there is nothing */
};

/*
 * Works a row out, with the models of that folder.  Returns 0, also where there is nothing to set
 * against it; -1 where memory is short or a model cannot be read.
 */
int reproduce(struct reproduction *ours, const struct published_row *row,
	      const struct results *results, const char *models, struct vmfee_error *err);

/* Ours by the published one, from the least that it can be to the most. */
static inline double reproduction_ratio_low(const struct reproduction *ours,
					    const struct published_row *row)
{
	return ours->low / row->high;
}

static inline double reproduction_ratio_high(const struct reproduction *ours,
					     const struct published_row *row)
{
	return ours->high / row->low;
}

#endif
