#include "bench/fit.h"

#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "tests/unit/random.h"

enum { ROWS = 40 };

/* A processor that is known. */
static const double truth[MODEL_COSTS] = {[COST_TRANSITION] = 1200,
					  [COST_VMREAD] = 35,
					  [COST_VMWRITE] = 48,
					  [COST_REFERENCE] = 14,
					  [COST_INSTRUCTION] = 0.6};

static double between(struct random *random, double low, double high)
{
	return low + (high - low) * (double)random_below(random, 1000001) / 1e6;
}

/* Nearly normal: the sum of twelve uniform numbers has a variance of 1. */
static double normal(struct random *random)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += between(random, 0, 1);
	return sum;
}

/* Operations such as there are: some exits, a few VMREADs for each, some hundred instructions. */
static void make(struct fit_row *rows, size_t count, uint64_t seed, double noise)
{
	struct random random = {.state = seed};

	for (size_t i = 0; i < count; i++) {
		struct fit_row *row = &rows[i];
		double exits = (double)random_below(&random, 4);
		row->count[COST_TRANSITION] = exits;
		row->count[COST_VMREAD] = exits * (double)(3 + random_below(&random, 9));
		row->count[COST_VMWRITE] = exits * (double)(1 + random_below(&random, 4));
		row->count[COST_REFERENCE] = (double)random_below(&random, 3) * 8;
		row->count[COST_INSTRUCTION] = between(&random, 20, 2000);
		row->ticks = 0;
		for (int j = 0; j < MODEL_COSTS; j++)
			row->ticks += truth[j] * row->count[j];
		row->sigma = 0.01 * row->ticks;
		row->ticks += noise * row->sigma * normal(&random);
	}
}

Test(fit, counts_without_noise_give_the_prices_that_made_them)
{
	struct vmfee_error err = {0};
	struct fit_row rows[ROWS];
	struct fit fit;

	make(rows, ROWS, 1, 0);
	cr_assert_eq(fit_prices(&fit, rows, ROWS, &err), 0, "%s", err.text);
	for (int i = 0; i < MODEL_COSTS; i++) {
		cr_expect(fit.priced[i]);
		cr_expect_float_eq(fit.price[i], truth[i], 1e-6 * truth[i], "%s: %f",
				   model_cost_name(i), fit.price[i]);
	}
	cr_expect_eq(fit.freedom, (size_t)(ROWS - MODEL_COSTS));
	cr_expect_float_eq(fit.chi2, 0, 1e-9);
	cr_expect_float_eq(fit_ticks(&fit, &rows[3]), rows[3].ticks, 1e-6 * rows[3].ticks);
}

/* What is stated: of 95 % margins, about that many hold the truth, and they are no wider. */
Test(fit, margins_hold_the_truth_as_often_as_they_say)
{
	enum { RUNS = 400 };
	struct vmfee_error err = {0};
	struct fit_row rows[ROWS];
	struct fit fit;
	unsigned held[MODEL_COSTS] = {0};
	double widest = 0;

	for (unsigned run = 0; run < RUNS; run++) {
		make(rows, ROWS, 1000 + run, 1);
		cr_assert_eq(fit_prices(&fit, rows, ROWS, &err), 0, "%s", err.text);
		for (int i = 0; i < MODEL_COSTS; i++)
			held[i] += fit.priced[i] && fabs(fit.price[i] - truth[i]) <= fit.margin[i];
		widest = fmax(widest, fit.margin[COST_TRANSITION] / truth[COST_TRANSITION]);
	}
	/* 380 of 400 on average, with a standard deviation of 4.4; scaling up only adds to them. */
	for (int i = 0; i < MODEL_COSTS; i++)
		cr_expect(held[i] >= 362 && held[i] <= 399, "%s: %u", model_cost_name(i), held[i]);
	cr_expect_lt(widest, 0.1);
}

Test(fit, rows_that_are_further_off_than_they_should_be_widen_the_margins)
{
	struct vmfee_error err = {0};
	struct fit_row rows[ROWS];
	struct fit calm;
	struct fit wild;

	make(rows, ROWS, 7, 1);
	cr_assert_eq(fit_prices(&calm, rows, ROWS, &err), 0, "%s", err.text);
	make(rows, ROWS, 7, 5);
	cr_assert_eq(fit_prices(&wild, rows, ROWS, &err), 0, "%s", err.text);
	cr_expect_gt(wild.chi2, 3 * (double)wild.freedom);
	cr_expect_gt(wild.margin[COST_TRANSITION], 3 * calm.margin[COST_TRANSITION]);
}

Test(fit, a_cost_that_no_row_has_gets_no_price)
{
	struct vmfee_error err = {0};
	struct fit_row rows[ROWS];
	struct fit fit;

	make(rows, ROWS, 2, 0);
	for (size_t i = 0; i < ROWS; i++) {
		rows[i].ticks -= truth[COST_REFERENCE] * rows[i].count[COST_REFERENCE];
		rows[i].count[COST_REFERENCE] = 0;
	}
	cr_assert_eq(fit_prices(&fit, rows, ROWS, &err), 0, "%s", err.text);
	cr_expect_not(fit.counted[COST_REFERENCE]);
	cr_expect_not(fit.priced[COST_REFERENCE]);
	cr_expect_float_eq(fit.price[COST_TRANSITION], 1200, 1e-3);
}

/* Least squares alone would pay for VMWRITEs. */
Test(fit, no_price_is_below_zero)
{
	struct vmfee_error err = {0};
	struct fit_row rows[ROWS];
	struct fit fit;

	make(rows, ROWS, 3, 0);
	for (size_t i = 0; i < ROWS; i++)
		rows[i].ticks -= (truth[COST_VMWRITE] + 5) * rows[i].count[COST_VMWRITE];
	cr_assert_eq(fit_prices(&fit, rows, ROWS, &err), 0, "%s", err.text);
	cr_expect(fit.counted[COST_VMWRITE]);
	cr_expect_not(fit.priced[COST_VMWRITE]);
	for (int i = 0; i < MODEL_COSTS; i++)
		cr_expect_geq(fit.price[i], 0);
	cr_expect_float_eq(fit.price[COST_VMWRITE], 0, 0);
	cr_expect_eq(fit.freedom, (size_t)(ROWS - MODEL_COSTS + 1));
}

Test(fit, costs_that_cannot_be_told_apart_are_named_and_no_others)
{
	struct vmfee_error err = {0};
	struct fit_row rows[ROWS];
	struct fit fit;

	make(rows, ROWS, 4, 1);
	for (size_t i = 0; i < ROWS; i++)
		rows[i].count[COST_VMREAD] = 3 * rows[i].count[COST_TRANSITION];
	cr_expect_eq(fit_prices(&fit, rows, ROWS, &err), -1);
	cr_expect_eq(err.status, VMFEE_USAGE);
	cr_expect_not_null(strstr(err.text, "apart: transition, vmread;"), "%s", err.text);

	/* The same with three. */
	err = (struct vmfee_error){0};
	make(rows, ROWS, 5, 1);
	for (size_t i = 0; i < ROWS; i++)
		rows[i].count[COST_VMWRITE] =
			2 * rows[i].count[COST_TRANSITION] + rows[i].count[COST_VMREAD];
	cr_expect_eq(fit_prices(&fit, rows, ROWS, &err), -1);
	cr_expect_not_null(strstr(err.text, "apart: transition, vmread, vmwrite;"), "%s", err.text);
}

Test(fit, rows_that_are_too_few_are_refused)
{
	struct fit_row rows[ROWS];
	struct fit fit;

	make(rows, ROWS, 6, 0);
	for (int i = 0; i < MODEL_COSTS; i++)
		rows[0].count[i] = 1;
	for (size_t count = 0; count <= MODEL_COSTS; count++) {
		struct vmfee_error err = {0};
		cr_expect_eq(fit_prices(&fit, rows, count, &err), -1);
		cr_expect_not_null(strstr(err.text, "too few to tell"), "%s", err.text);
	}
	memset(rows, 0, sizeof(rows));
	struct vmfee_error err = {0};
	cr_expect_eq(fit_prices(&fit, rows, ROWS, &err), -1, "nothing was counted at all");
}
