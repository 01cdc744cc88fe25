/*
 * What the numbers of a run mean: ticks per operation, the fee against the native stack, and which
 * component of the fee each of its ticks is charged to.
 */
#ifndef BENCH_ANALYSIS_H
#define BENCH_ANALYSIS_H

#include "bench/results.h"
#include "bench/stats.h"

/* The exits of a benchmark that share a reason, at the lowest level of this project. */
struct analysis_exit {
	uint16_t reason;
	double per_op;
	uint64_t expected; /* by the guest, in the whole window */
	uint64_t seen;	   /* in the trace, in the whole window */
};

enum { ANALYSIS_MAX_EXITS = 64 };

/* In names of benchmarks whose samples reach from the source of an interrupt to its handler. */
#define LATENCY_MARK "-latency"

struct analysis_row {
	const char *name;
	const struct result_bench *bench;  /* on the stack; NULL: it has no meaning there */
	const struct result_bench *native; /* on the native stack; NULL likewise */
	double ticks;			   /* per operation, on the stack */
	double native_ticks;		   /* per operation, on the native stack */
	struct stats_interval interval;	   /* of ticks, 95 % */
	double fee;			   /* ticks - native_ticks, where both are there */
	double part[FEE_COMPONENTS];	   /* the fee, by component */
	double upper; /* of the transition, about: what hypervisors above the lowest ran themselves
		       */
	double exits_per_op;
	unsigned exits; /* reasons, in the order of their numbers */
	struct analysis_exit exit[ANALYSIS_MAX_EXITS];
	double refills_per_op;	  /* of the modelled TLB, on a stack that was observed */
	double references_per_op; /* of the walks */
	bool compared;		  /* the guest's expectation can be held against the trace */
	bool probed;		  /* telemetry is known: */
	double telemetry;	  /* ticks per exit that telemetry costs */
};

struct analysis {
	const struct result_stack *stack;
	const struct result_stack *native; /* NULL: none, or the stack itself */
	struct analysis_row *row;	   /* in the order of measurement */
	size_t rows;
	unsigned priced; /* rows that have a fee */
	double fee;	 /* the sum of theirs: one operation of each */
	double part[FEE_COMPONENTS];
};

/*
 * Ticks per operation: the median sample less the smallest one of the empty harness on the same
 * stack, by the operations of a sample.
 */
double analysis_ticks(const struct result_stack *stack, const struct result_bench *bench);

/* Whether both have the same image on top, with whatever parameters, on as many processors. */
bool analysis_same_workload(const struct result_stack *a, const struct result_stack *b);

/* The first stack of the tables that is the same workload without a hypervisor, or NULL. */
const struct result_stack *analysis_native(const struct results *results,
					   const struct result_stack *stack);

/* Whether a stack is the native one of others, and so a column of their tables. */
bool analysis_is_column(const struct results *results, const struct result_stack *stack);

/* Whether a stack has a table of its own: neither a column of others' nor a probe. */
bool analysis_in_tables(const struct results *results, const struct result_stack *stack);

/*
 * Works one stack out against the native one.  A stack that is native itself has no fees.  Returns
 * 0, or -1 with VMFEE_SYSTEM when memory is short; analysis_free() is due either way.
 */
int analyse(struct analysis *analysis, const struct results *results,
	    const struct result_stack *stack, struct vmfee_error *err);

/*
 * The next exit of a row whose count differs from what the guest expects, after the one that is
 * given, or the first one after NULL; NULL at the end.
 */
const struct analysis_exit *analysis_disagreement(const struct analysis_row *row,
						  const struct analysis_exit *after);

void analysis_free(struct analysis *analysis);

static inline bool analysis_has_fee(const struct analysis_row *row)
{
	return row->bench != NULL && row->native != NULL;
}

/* Whether a TLB observatory was at work. */
static inline bool analysis_is_observed(const struct result_stack *stack)
{
	return stack->tlb.name[0] != '\0';
}

#endif
