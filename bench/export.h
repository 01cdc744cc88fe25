/*
 * Runs in the formats of other people's tools.
 */
#ifndef BENCH_EXPORT_H
#define BENCH_EXPORT_H

#include "bench/results.h"

#include <stdbool.h>
#include <stdio.h>

struct export
{
	const struct results *results;
	const char *run;      /* its directory */
	const char *database; /* its results.db */
	const char *stack;    /* only this one; NULL: all */
	const char *reason;   /* only exits of this one; NULL: all */
	FILE *out;
	struct vmfee_error *err;
};

struct exporter {
	const char *name, *text;
	/* Returns 0, or -1 with an error. */
	int (*write)(const struct export *export);
};

/* By name, or NULL. */
const struct exporter *exporter_find(const char *name);

/* In the order of export.def; NULL behind the last one. */
const struct exporter *exporter_at(size_t index);

#define EXPORT(name, text) int export_##name(const struct export *export);
#include "bench/export.def"
#undef EXPORT

/* For exporters: what is to be left out. */
bool export_wants_stack(const struct export *export, const struct result_stack *stack);
bool export_wants_reason(const struct export *export, uint16_t reason);

/* Calls take() for each sum of exits of a stack that is wanted; bench is NULL outside of all. */
void export_each_sum(const struct export *export, const struct result_stack *stack,
		     void (*take)(const struct export *export, const struct result_stack *stack,
				  const struct result_bench *bench, const struct exit_sum *sum));

/* Text between quotes, as JSON has it; OpenMetrics' labels are the same. */
void export_string(FILE *out, const char *text);

#endif
