/*
 * One stack against another, benchmark by benchmark: two runs of the same stack, or two stacks.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "bench/analysis.h"
#include "bench/rank_test.h"

/* Where p, corrected for all rows, is below this, what differs is no chance. */
#define COMPARE_LEVEL 0.05

struct compare_row {
	const char *name;
	const struct analysis_row *before, *after; /* NULL: not on that side */
	/* Of a row that both sides have: */
	double before_ticks, after_ticks; /* per operation; of `empty`, of the harness itself */
	bool counted;			  /* exits are known on both sides */
	bool same; /* on a platform that repeats itself: every sample, and every exit */
	/* On any other platform: */
	struct stats_interval interval; /* of the difference, 95 % */
	struct rank_test test;
	double holm; /* test.p, corrected for all rows of the comparison */
	bool told;   /* so many samples can tell a difference at all */
};

struct comparison {
	bool exact; /* both repeat themselves: a difference is one */
	struct analysis before, after;
	struct compare_row *row; /* in the order of `before`, those that only `after` has last */
	size_t rows;
};

/*
 * Compares a stack with another one.  Returns 0, or -1 with VMFEE_SYSTEM when memory is short;
 * compare_free() is due either way.
 */
int compare_stacks(struct comparison *comparison, const struct results *before,
		   const struct result_stack *before_stack, const struct results *after,
		   const struct result_stack *after_stack, struct vmfee_error *err);

/*
 * Corrects the p of several comparisons for each other.  Returns 0, or -1 with VMFEE_SYSTEM when
 * memory is short.
 */
int compare_correct(struct comparison *comparisons, size_t count, struct vmfee_error *err);

void compare_free(struct comparison *comparison);

/* Whether runs tell the same thing in the same unit.  Returns 0, or -1 with VMFEE_USAGE. */
int compare_units(const struct results *before, const struct results *after,
		  struct vmfee_error *err);

/* Percent by which after lies above before; infinite above nothing, 0 where neither is anything. */
double compare_change(double before, double after);

enum compare_verdict {
	COMPARE_SAME,	/* nothing differs, or nothing that could not be chance */
	COMPARE_LESS,	/* ticks, or with equal ticks exits */
	COMPARE_MORE,	/* likewise */
	COMPARE_OTHER,	/* ticks and exits per operation are the same, single samples are not */
	COMPARE_UNTOLD, /* a difference that so few samples cannot tell from chance */
	COMPARE_GONE,	/* only on the side `before` */
	COMPARE_NEW,	/* only on the side `after` */
};

enum compare_verdict compare_verdict(const struct comparison *comparison,
				     const struct compare_row *row);

/*
 * Whether a gate that lets changes of so many percent pass stops at a row: at more ticks, on a
 * platform that repeats itself also at more exits, where it cannot be chance or cannot be told; and
 * at a row that is gone.
 */
bool compare_fails(const struct comparison *comparison, const struct compare_row *row,
		   double percent);

#endif
