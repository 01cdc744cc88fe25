/*
 * Published numbers that an experiment reproduces, from an INI file of bench/published/ with the
 * experiment's name:
 *
 *     [published]
 *     model = skylake-sp         prices cycles, where a row names no other model
 *     [row cpuid-single]
 *     what = CPUID, one level
 *     value = 1018               or low and high, of a range
 *     low = 20
 *     high = 30
 *     unit = cycles              see published_unit.def
 *     clock = 2.5                GHz, for us
 *     source = Who, where
 *     stack = micro-1            what of the run is set against it
 *     benchmark = cpuid
 *     reason = VMREAD            exits for this reason alone
 *     model = nehalem
 *     note = How the set-ups differ
 */
#ifndef BENCH_PUBLISHED_H
#define BENCH_PUBLISHED_H

#include "bench/err.h"
#include "bench/stack.h"

enum published_unit {
	PUBLISHED_NONE,
#define UNIT(NAME, name, text) PUBLISHED_##NAME,
#include "bench/published_unit.def"
#undef UNIT
	PUBLISHED_UNITS
};

enum { PUBLISHED_MAX_ROWS = 48, PUBLISHED_MAX_TEXT = 479 };

struct published_row {
	char key[STACK_MAX_NAME + 1];
	char what[PUBLISHED_MAX_TEXT + 1];
	double low, high; /* equal for a single value */
	enum published_unit unit;
	double clock; /* GHz; 0 where it is not given */
	char source[PUBLISHED_MAX_TEXT + 1];
	char stack[STACK_MAX_NAME + 1];
	char benchmark[STACK_MAX_NAME + 1];
	char reason[STACK_MAX_NAME + 1]; /* empty: all */
	char model[STACK_MAX_NAME + 1];	 /* empty: none is needed */
	char note[PUBLISHED_MAX_TEXT + 1];
};

struct published {
	char model[STACK_MAX_NAME + 1];
	unsigned rows;
	struct published_row row[PUBLISHED_MAX_ROWS];
};

/*
 * Reads the file that the folder has for the experiment.  Returns 0, or -1 with VMFEE_USAGE.
 */
int published_load(struct published *published, const char *folder, const char *experiment,
		   struct vmfee_error *err);

const char *published_unit_name(enum published_unit unit);

#endif
