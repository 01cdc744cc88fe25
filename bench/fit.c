#include "bench/fit.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_multifit.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Singular values further below the largest are those of columns that depend on each other. */
#define SINGULAR 1e-9

/* A cost has a part in a dependency where its share is not rounding. */
#define PART 1e-6

/* The columns of a system: some of the costs. */
struct columns {
	size_t count;
	enum model_cost cost[MODEL_COSTS];
};

static struct columns columns_of(unsigned set)
{
	struct columns columns = {0};

	for (unsigned i = 0; i < MODEL_COSTS; i++)
		if (set & 1u << i)
			columns.cost[columns.count++] = (enum model_cost)i;
	return columns;
}

/* Each row in its sigmas. */
static void fill(gsl_matrix *matrix, gsl_vector *ticks, const struct columns *columns,
		 const struct fit_row *rows)
{
	for (size_t i = 0; i < ticks->size; i++) {
		for (size_t j = 0; j < columns->count; j++)
			gsl_matrix_set(matrix, i, j,
				       rows[i].count[columns->cost[j]] / rows[i].sigma);
		gsl_vector_set(ticks, i, rows[i].ticks / rows[i].sigma);
	}
}

/* The costs that one direction, which no row tells apart from nothing, is made of. */
static int name_dependency(const gsl_matrix *v, size_t direction, const struct columns *columns,
			   struct vmfee_error *err)
{
	char list[128] = "";
	size_t used = 0;

	for (size_t i = 0; i < columns->count && used < sizeof(list); i++)
		if (fabs(gsl_matrix_get(v, i, direction)) > PART)
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 used == 0 ? "" : ", ",
						 model_cost_name(columns->cost[i]));
	return vmfee_fail(err, VMFEE_USAGE,
			  "the rows cannot tell these prices apart: %s; one of them occurs in the "
			  "same proportion to the others in every row",
			  list);
}

/* Whether all prices can be told apart, whatever the units of their columns. */
static int check_rank(const struct columns *columns, const struct fit_row *rows, size_t count,
		      struct vmfee_error *err)
{
	gsl_matrix *a = gsl_matrix_calloc(count, columns->count);
	gsl_vector *ticks = gsl_vector_calloc(count);
	gsl_matrix *v = gsl_matrix_calloc(columns->count, columns->count);
	gsl_vector *s = gsl_vector_calloc(columns->count);
	gsl_vector *work = gsl_vector_calloc(columns->count);
	int failed = a == NULL || ticks == NULL || v == NULL || s == NULL || work == NULL
			     ? vmfee_fail(err, VMFEE_SYSTEM, "out of memory for a fit")
			     : 0;

	if (!failed) {
		fill(a, ticks, columns, rows);
		for (size_t j = 0; j < columns->count; j++) {
			gsl_vector_view column = gsl_matrix_column(a, j);
			gsl_vector_scale(&column.vector, 1 / gsl_blas_dnrm2(&column.vector));
		}
		if (gsl_linalg_SV_decomp(a, v, s, work) != GSL_SUCCESS)
			failed = vmfee_fail(err, VMFEE_SYSTEM, "the fit does not converge");
	}
	for (size_t j = 0; !failed && j < columns->count; j++)
		if (gsl_vector_get(s, j) < SINGULAR * gsl_vector_get(s, 0))
			failed = name_dependency(v, j, columns, err);
	gsl_matrix_free(a);
	gsl_vector_free(ticks);
	gsl_matrix_free(v);
	gsl_vector_free(s);
	gsl_vector_free(work);
	return failed;
}

/* Takes a solution over if no price is below zero and it is nearer than what there is. */
static void consider(struct fit *fit, const struct columns *columns, const gsl_vector *prices,
		     const gsl_matrix *covariance, double chi2, size_t count)
{
	for (size_t j = 0; j < columns->count; j++)
		if (!(gsl_vector_get(prices, j) > 0))
			return;
	if (chi2 >= fit->chi2)
		return;
	fit->chi2 = chi2;
	fit->freedom = count - columns->count;
	memset(fit->priced, 0, sizeof(fit->priced));
	memset(fit->price, 0, sizeof(fit->price));
	/* Rows that are further off than they should be make the prices as much less certain. */
	double scale = fmax(1, chi2 / (double)fit->freedom);
	double t = gsl_cdf_tdist_Pinv(0.975, (double)fit->freedom);
	for (size_t j = 0; j < columns->count; j++) {
		enum model_cost cost = columns->cost[j];
		fit->priced[cost] = true;
		fit->price[cost] = gsl_vector_get(prices, j);
		fit->margin[cost] = t * sqrt(scale * gsl_matrix_get(covariance, j, j));
	}
}

static int solve(struct fit *fit, const struct columns *columns, const struct fit_row *rows,
		 size_t count, struct vmfee_error *err)
{
	gsl_matrix *a = gsl_matrix_calloc(count, columns->count);
	gsl_vector *ticks = gsl_vector_calloc(count);
	gsl_vector *prices = gsl_vector_calloc(columns->count);
	gsl_matrix *covariance = gsl_matrix_calloc(columns->count, columns->count);
	gsl_multifit_linear_workspace *work = gsl_multifit_linear_alloc(count, columns->count);
	gsl_vector *ones = gsl_vector_alloc(count);
	double chi2;
	int failed = a == NULL || ticks == NULL || prices == NULL || covariance == NULL ||
				     work == NULL || ones == NULL
			     ? vmfee_fail(err, VMFEE_SYSTEM, "out of memory for a fit")
			     : 0;

	if (!failed) {
		fill(a, ticks, columns, rows);
		/* With weights, the covariance is that of the sigmas and not of the residuals. */
		gsl_vector_set_all(ones, 1);
		if (gsl_multifit_wlinear(a, ones, ticks, prices, covariance, &chi2, work) !=
		    GSL_SUCCESS)
			failed = vmfee_fail(err, VMFEE_SYSTEM, "the fit does not converge");
	}
	if (!failed)
		consider(fit, columns, prices, covariance, chi2, count);
	gsl_matrix_free(a);
	gsl_vector_free(ticks);
	gsl_vector_free(prices);
	gsl_matrix_free(covariance);
	gsl_vector_free(ones);
	if (work != NULL)
		gsl_multifit_linear_free(work);
	return failed;
}

int fit_prices(struct fit *fit, const struct fit_row *rows, size_t count, struct vmfee_error *err)
{
	unsigned counted = 0;

	*fit = (struct fit){.chi2 = INFINITY};
	for (unsigned i = 0; i < MODEL_COSTS; i++) {
		for (size_t j = 0; j < count; j++)
			fit->counted[i] |= rows[j].count[i] > 0;
		counted |= (unsigned)fit->counted[i] << i;
	}
	const struct columns all = columns_of(counted);
	if (all.count == 0 || count <= all.count)
		return vmfee_fail(err, VMFEE_USAGE,
				  "%zu rows for %zu prices: too few to tell how far these are off",
				  count, all.count);
	gsl_error_handler_t *handler = gsl_set_error_handler_off();
	int failed = check_rank(&all, rows, count, err);
	/* With so few costs, all ways to leave some out can be tried: the nearest is the answer. */
	for (unsigned set = 1; !failed && set <= counted; set++) {
		const struct columns some = columns_of(set);
		if ((set & ~counted) == 0)
			failed = solve(fit, &some, rows, count, err);
	}
	gsl_set_error_handler(handler);
	if (!failed && isinf(fit->chi2))
		failed = vmfee_fail(err, VMFEE_USAGE, "no prices above zero explain the rows");
	return failed;
}

double fit_ticks(const struct fit *fit, const struct fit_row *row)
{
	double ticks = 0;

	for (unsigned i = 0; i < MODEL_COSTS; i++)
		ticks += fit->price[i] * row->count[i];
	return ticks;
}
