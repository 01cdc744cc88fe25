#include "bench/crossover.h"
#include "bench/analysis.h"

#include <math.h>

double crossover_cost(const struct result_stack *stack, const char *benchmark)
{
	const struct result_bench *bench = results_bench(stack, benchmark);

	if (bench == NULL)
		return NAN;
	return analysis_ticks(stack, bench) + (double)stack->tlb.reference *
						      (double)bench->observed.references /
						      result_operations(bench);
}

/* How much more an operation costs on the first stack. */
static double excess(const struct family *family, const struct result_stack *first,
		     const struct result_stack *second, unsigned member)
{
	const char *name = family->member[member].name;

	return crossover_cost(first, name) - crossover_cost(second, name);
}

/* Numbers grow by factors, and so does what depends on them. */
static double between(double low, double high, double share)
{
	return low * pow(high / low, share);
}

bool crossover_next(const struct family *family, const struct result_stack *first,
		    const struct result_stack *second, unsigned from, struct crossover *out)
{
	unsigned last = from; /* member at which one was ahead */
	double before = NAN;

	for (unsigned i = from; i < family->members; i++) {
		double now = excess(family, first, second, i);
		if (isnan(now) || now == 0)
			continue;
		if (!isnan(before) && (before > 0) != (now > 0)) {
			out->after = last;
			out->number = between(family->member[last].number, family->member[i].number,
					      before / (before - now));
			out->first_then = now < 0;
			return true;
		}
		before = now;
		last = i;
	}
	return false;
}
