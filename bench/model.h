/*
 * A cost model: what the things that a run has counted cost on a processor, each as a range with
 * its source, from an INI file of bench/models/:
 *
 *     [model]
 *     title = Which processor
 *     [cost transition]
 *     low = 262                cycles
 *     high = 1150
 *     source = Who measured it, and where it is published
 *     [cost ...]               each of bench/model_cost.def that is known
 *
 * The same file may hold the [tlb] of bench/tlb_file.h.
 */
#ifndef BENCH_MODEL_H
#define BENCH_MODEL_H

#include "bench/err.h"
#include "bench/stack.h"

#include <stdbool.h>

enum model_cost {
#define COST(NAME, name, text) COST_##NAME,
#include "bench/model_cost.def"
#undef COST
	MODEL_COSTS
};

enum { MODEL_MAX_TEXT = 191 };

struct model {
	char name[STACK_MAX_NAME + 1];
	char title[MODEL_MAX_TEXT + 1];
	struct {
		double low, high;		 /* cycles; low is 0 where there is no price */
		char source[MODEL_MAX_TEXT + 1]; /* empty likewise */
	} cost[MODEL_COSTS];
};

/*
 * Reads NAME.ini of the folder, which must price transitions and instructions at least.  Returns 0,
 * or -1 with VMFEE_USAGE.
 */
int model_load(struct model *model, const char *folder, const char *name, struct vmfee_error *err);

const char *model_cost_name(enum model_cost cost);
const char *model_cost_text(enum model_cost cost);

static inline bool model_prices(const struct model *model, enum model_cost cost)
{
	return model->cost[cost].source[0] != '\0';
}

/* Whether a section of a file of bench/models/ belongs to its cost model. */
bool model_section(const char *section);

#endif
