/*
 * Where one stack overtakes another: what an operation costs on both, with the walks of the
 * modelled TLB priced, along the members of a family.
 */
#ifndef BENCH_CROSSOVER_H
#define BENCH_CROSSOVER_H

#include "bench/family.h"

/*
 * Ticks of an operation, and those that its walks are taken to cost: modelled.  NaN where the stack
 * has no such benchmark.
 */
double crossover_cost(const struct result_stack *stack, const char *benchmark);

struct crossover {
	unsigned after;	 /* the member behind which the order changes */
	double number;	 /* about where: between that one's number and the next one's */
	bool first_then; /* the first stack is the cheaper one from there on */
};

/*
 * The next change of order between two stacks along a family, from member `from` on.  False where
 * there is none.
 */
bool crossover_next(const struct family *family, const struct result_stack *first,
		    const struct result_stack *second, unsigned from, struct crossover *out);

#endif
