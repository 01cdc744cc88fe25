/*
 * Where the fee goes, in plain words made of the numbers of a run.
 */
#ifndef BENCH_LEAD_H
#define BENCH_LEAD_H

#include "bench/matrix.h"

/*
 * Writes the answer in one paragraph.  What does not fit into size bytes is left out.  Returns 0,
 * or -1 where memory was short.
 */
int lead_answer(const struct results *results, const struct matrix *matrix, char *room, size_t size,
		struct vmfee_error *err);

/* Calls take() with a paragraph of less than 1024 bytes about each workload of the matrix. */
void lead_each(const struct results *results, const struct matrix *matrix,
	       void (*take)(const char *text, void *into), void *into);

#endif
