/*
 * Where the fee goes, in plain words made of the numbers of a run.
 */
#ifndef BENCH_LEAD_H
#define BENCH_LEAD_H

#include "bench/matrix.h"

/*
 * Calls take() with each sentence or two, of less than 1024 bytes, in the order to read them.
 * Returns 0; or -1 where memory was short.
 */
int lead_each(const struct results *results, const struct matrix *matrix,
	      void (*take)(const char *text, void *into), void *into, struct vmfee_error *err);

#endif
