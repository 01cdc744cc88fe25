/*
 * Benchmarks that differ in one number, which their names end in: chase-64k, chase-256k, chase-1m …
 */
#ifndef BENCH_FAMILY_H
#define BENCH_FAMILY_H

#include "bench/results.h"

enum { FAMILY_MAX_MEMBERS = 32 };

struct family_member {
	char name[STACK_MAX_NAME + 1];
	const char *label; /* the end of the name: 64k */
	double number;	   /* 65536 */
};

struct family {
	char name[STACK_MAX_NAME + 1]; /* what the names begin with: chase */
	struct family_member member[FAMILY_MAX_MEMBERS];
	unsigned members; /* in the order of their numbers; at least two */
};

/*
 * The family of the stack's benchmark `first`, where that is its first member.  False where it is
 * not, or is alone.
 */
bool family_find(struct family *family, const struct result_stack *stack, size_t first);

/* A second processor interrupts the first so many times in a million ticks. */
#define FAMILY_STORM "storm"

/* What the numbers of a family count. */
const char *family_axis(const struct family *family);

#endif
