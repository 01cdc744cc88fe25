#include "bench/calibration.h"
#include "bench/modelled.h"
#include "bench/platform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A row is taken to be uncertain by at least so much of itself: no price is that constant. */
#define LEAST_SHARE 0.01

/* Exits of an operation that differ by more are not those of the same operation. */
#define MOST_DIFFERENCE 0.01

/* A model has no prices of zero; a range that would begin below begins here. */
#define LEAST_PRICE 0.01

/* Half the width of an interval of 95 %, in standard errors. */
#define WIDTH_95 1.96

struct point {
	const struct result_stack *stack;
	const char *benchmark;
	struct fit_row row;
};

struct points {
	struct point *point;
	size_t count, room;
	FILE *notes; /* rows that are not used, and why */
};

static const struct result_stack *find_stack(const struct results *results, const char *name)
{
	for (size_t i = 0; i < results->stacks; i++)
		if (strcmp(results->stack[i].name, name) == 0)
			return &results->stack[i];
	return NULL;
}

static const struct analysis_row *find_row(const struct analysis *analysis, const char *name)
{
	for (size_t i = 0; i < analysis->rows; i++)
		if (analysis->row[i].bench != NULL && strcmp(analysis->row[i].name, name) == 0)
			return &analysis->row[i];
	return NULL;
}

/* Whether a list "a,b" has the name. */
static bool is_listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = list; *at != '\0'; at += strcspn(at, ","), at += *at == ',')
		if (strcspn(at, ",") == length && strncmp(at, name, length) == 0)
			return true;
	return false;
}

/* Why a row cannot be used, or NULL. */
static const char *unusable(const struct calibration *calibration, const struct analysis_row *took,
			    const struct result_stack *stack, const struct analysis_row *did)
{
	if (is_listed(calibration->left_out, did->name))
		return "left out as asked for";
	if (took == NULL)
		return "not measured";
	if (!(took->ticks > 0))
		return "it took no longer than the empty harness";
	if (stack->traced && fabs(took->exits_per_op - did->exits_per_op) >
				     MOST_DIFFERENCE * fmax(1, did->exits_per_op))
		return "its exits are others than those that were counted";
	return NULL;
}

static double sigma_of(const struct analysis_row *took)
{
	double resolution = 0.5 / (double)took->bench->ops;
	double spread = (took->interval.high - took->interval.low) / 2 / WIDTH_95;

	return fmax(fmax(spread, resolution), LEAST_SHARE * took->ticks);
}

static int add_point(struct points *points, const struct analysis *did,
		     const struct analysis_row *row, const struct analysis_row *took,
		     struct vmfee_error *err)
{
	struct model everything = {.name = ""};
	struct modelled modelled;

	if (points->count == points->room) {
		size_t room = points->room == 0 ? 64 : 2 * points->room;
		struct point *grown = reallocarray(points->point, room, sizeof(grown[0]));
		if (grown == NULL)
			return vmfee_fail_errno(err, "rows of a calibration");
		points->point = grown;
		points->room = room;
	}
	for (int i = 0; i < MODEL_COSTS; i++)
		memcpy(everything.cost[i].source, "all", sizeof("all"));
	modelled_row(&modelled, &everything, did, row);
	struct point *point = &points->point[points->count++];
	*point = (struct point){.stack = did->stack,
				.benchmark = row->bench->name,
				.row = {.ticks = took->ticks, .sigma = sigma_of(took)}};
	memcpy(point->row.count, modelled.count, sizeof(point->row.count));
	return 0;
}

static int add_rows(struct points *points, const struct calibration *calibration,
		    const struct analysis *took, const struct analysis *did,
		    struct vmfee_error *err)
{
	for (size_t i = 0; i < did->rows; i++) {
		const struct analysis_row *row = &did->row[i];
		if (row->bench == NULL || strcmp(row->name, "empty") == 0)
			continue;
		const struct analysis_row *other = find_row(took, row->name);
		const char *why = unusable(calibration, other, took->stack, row);
		if (why != NULL)
			fprintf(points->notes, "# not used: %s of %s: %s\n", row->name,
				did->stack->name, why);
		else if (add_point(points, did, row, other, err) != 0)
			return -1;
	}
	return 0;
}

static int add_stack(struct points *points, const struct calibration *calibration,
		     const struct results *measured, const struct results *counted,
		     const struct result_stack *stack, struct vmfee_error *err)
{
	const struct result_stack *same = find_stack(measured, stack->name);
	struct vmfee_error why = {0};
	struct analysis took;
	struct analysis did;

	if (stack->probe_of[0] != '\0')
		return 0;
	if (same == NULL)
		vmfee_fail(&why, VMFEE_USAGE, "not measured");
	else
		modelled_check(counted, stack, &why);
	if (why.status != VMFEE_OK) {
		fprintf(points->notes, "# not used: %s: %s\n", stack->name, why.text);
		return 0;
	}
	int failed = analyse(&took, measured, same, err);
	if (!failed) {
		failed = analyse(&did, counted, stack, err) ||
			 add_rows(points, calibration, &took, &did, err);
		analysis_free(&did);
	}
	analysis_free(&took);
	return failed;
}

static int check_runs(const struct calibration *calibration, const struct results *measured,
		      const struct results *counted, struct vmfee_error *err)
{
	const struct platform *took = platform_find(results_property(measured, "platform"));
	const struct platform *did = platform_find(results_property(counted, "platform"));

	if (did == NULL || did->machine != PLATFORM_BOCHS)
		return vmfee_fail(err, VMFEE_USAGE,
				  "%s was not run on Bochs, so nobody has counted its instructions",
				  calibration->counts);
	if (calibration->force || (took != NULL && took->machine == PLATFORM_HOST))
		return 0;
	return vmfee_fail(err, VMFEE_USAGE,
			  "a tick of %s is one %s, not a cycle of a processor: what comes of it "
			  "would be no prices (--force fits all the same)",
			  calibration->run, took == NULL ? "nobody knows what" : took->tick);
}

/* A model needs both of these. */
static int check_fit(const struct fit *fit, struct vmfee_error *err)
{
	static const enum model_cost needed[] = {COST_TRANSITION, COST_INSTRUCTION};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!fit->priced[needed[i]])
			return vmfee_fail(err, VMFEE_USAGE,
					  fit->counted[needed[i]]
						  ? "the rows are explained best by a price of 0 "
						    "for %s, so they are no calibration"
						  : "no row has counted: %s",
					  model_cost_name(needed[i]));
	return 0;
}

static void write_prices(const struct calibration *calibration, const struct fit *fit, size_t count,
			 FILE *out)
{
	for (int i = 0; i < MODEL_COSTS; i++) {
		if (!fit->priced[i]) {
			fprintf(out, "\n# %s: %s\n", model_cost_name(i),
				fit->counted[i] ? "the rows are explained best without a price"
						: "no row has any");
			continue;
		}
		fprintf(out, "\n# %.2f\n[cost %s]\nlow = %.2f\nhigh = %.2f\n", fit->price[i],
			model_cost_name(i), fmax(LEAST_PRICE, fit->price[i] - fit->margin[i]),
			fmax(LEAST_PRICE, fit->price[i] + fit->margin[i]));
		fprintf(out,
			"source = vmfee calibrate: %.40s by the counts of %.40s, %zu rows, 95 %%\n",
			calibration->run, calibration->counts, count);
	}
}

/* How far each row is off, so that a person can see which have something that is not priced. */
static void write_rows(const struct points *points, const struct fit *fit, FILE *out)
{
	fprintf(out, "\n# What each row took and what the prices make of it, in cycles of an "
		     "operation, and how many\n# standard errors it is off:\n");
	for (size_t i = 0; i < points->count; i++) {
		const struct point *point = &points->point[i];
		double ticks = fit_ticks(fit, &point->row);
		fprintf(out, "# %s, %s: %.1f, %.1f, %+.1f\n", point->stack->name, point->benchmark,
			point->row.ticks, ticks, (point->row.ticks - ticks) / point->row.sigma);
	}
}

static int write_model(const struct calibration *calibration, const struct results *measured,
		       const struct points *points, const char *notes, FILE *out,
		       struct vmfee_error *err)
{
	struct fit_row *rows = calloc(points->count + 1, sizeof(rows[0]));
	struct fit fit;

	if (rows == NULL)
		return vmfee_fail_errno(err, "rows of a calibration");
	for (size_t i = 0; i < points->count; i++)
		rows[i] = points->point[i].row;
	int failed = fit_prices(&fit, rows, points->count, err) || check_fit(&fit, err);
	free(rows);
	if (failed)
		return -1;
	fprintf(out,
		"# Prices for `vmfee report --model`, in cycles, fitted by `vmfee calibrate`: "
		"weighted least\n# squares, none below zero; ranges of 95 %%.\n"
		"# chi-squared is %.1f at %zu degrees of freedom%s\n\n[model]\ntitle = ",
		fit.chi2, fit.freedom,
		fit.chi2 > 3 * (double)fit.freedom
			? ": the rows have more in them than these prices"
			: "");
	if (calibration->title != NULL)
		fprintf(out, "%.150s\n", calibration->title);
	else
		fprintf(out, "%.80s on %.20s, fitted\n", results_property(measured, "cpu"),
			results_property(measured, "platform"));
	write_prices(calibration, &fit, points->count, out);
	write_rows(points, &fit, out);
	fputs(notes, out);
	return fflush(out) == 0 ? 0 : vmfee_fail_errno(err, "the model");
}

int calibrate(const struct calibration *calibration, const struct results *measured,
	      const struct results *counted, FILE *out, struct vmfee_error *err)
{
	char *notes = NULL;
	size_t size;
	struct points points = {.notes = open_memstream(&notes, &size)};

	if (points.notes == NULL)
		return vmfee_fail_errno(err, "notes of a calibration");
	int failed = check_runs(calibration, measured, counted, err);
	for (size_t i = 0; !failed && i < counted->stacks; i++)
		failed =
			add_stack(&points, calibration, measured, counted, &counted->stack[i], err);
	if (fclose(points.notes) != 0 && !failed)
		failed = vmfee_fail_errno(err, "notes of a calibration");
	if (!failed)
		failed = write_model(calibration, measured, &points, notes, out, err);
	free(notes);
	free(points.point);
	return failed;
}
