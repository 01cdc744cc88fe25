/*
 * Whether one set of samples tends to lie above another: the Mann-Whitney U test, and Cliff's delta
 * as the size of the effect.  Neither asks for a normal distribution, which times do not have.
 */
#ifndef BENCH_RANK_TEST_H
#define BENCH_RANK_TEST_H

#include "bench/stats.h"

#include <stdbool.h>

struct rank_test {
	double u; /* pairs in which the second's sample is the larger one; equal ones count half */
	double p; /* of a U as far from its mean or farther, on either side, if nothing differs */
	bool exact;   /* p comes from U's own distribution, not from the normal one */
	double delta; /* Cliff's: 1 all of the second are larger, -1 all are smaller */
};

/*
 * Tests two series of at least one sample each.  p is exact where both are short and no two samples
 * are equal, else normal, corrected for ties and for continuity.  Returns 0, or -1 when memory is
 * short.
 */
int rank_test(struct rank_test *test, const struct stats_series *first,
	      const struct stats_series *second);

/* The smallest p that so many samples can have: that of two series which do not overlap. */
double rank_test_least_p(size_t first, size_t second);

/*
 * Holm's correction for count tests at once, in place: each p becomes the level at which its test
 * still holds if all of them are to hold together.  Returns 0, or -1 when memory is short.
 */
int rank_test_holm(double *p, size_t count);

/* What a delta is called: negligible, small, medium or large (Romano et al., 2006). */
const char *rank_test_effect(double delta);

#endif
