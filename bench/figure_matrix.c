/*
 * The figures about generations and depths.
 */
#include "bench/figure_part.h"
#include "bench/plot_data.h"

static unsigned write_generations(const struct figure *figure, FILE *out)
{
	return plot_data_generations(figure->group, out);
}

static unsigned write_assists(const struct figure *figure, FILE *out)
{
	return plot_data_assists(figure->matrix, out);
}

static unsigned write_growth(const struct figure *figure, FILE *out)
{
	return plot_data_growth(figure->matrix, out);
}

/* A workload under each generation and at each depth. */
static int take_group(const struct figures *figures, const struct matrix_group *group)
{
	struct figure figure = {
		.results = figures->results,
		.group = group,
		.template = "generations",
		.axis = "",
		.unit_of = "for one operation of each benchmark",
		.caption =
			"What one operation of each benchmark takes more than natively, split into "
			"what it is charged to: a panel for each number of hypervisors, each with "
			"a scale of its own.  Upper is what hypervisors above the lowest run "
			"themselves.",
		.write = write_generations};

	snprintf(figure.name, sizeof(figure.name), "generations-%s", group->name);
	snprintf(figure.heading, sizeof(figure.heading), "%s: fee by generation and depth (%s)",
		 group->name, figures->machine);
	return figures->take(&figure, figures->into);
}

static int take_assists(const struct figures *figures, const struct matrix *matrix)
{
	struct figure figure = {
		.results = figures->results,
		.matrix = matrix,
		.template = "assists",
		.name = "assists",
		.axis = "",
		.unit_of = "saved, in percent of what the oldest generation adds there",
		.caption = "What each generation takes off the fee of the one before, in shares of "
			   "what the oldest one adds to the workload under as many hypervisors.  "
			   "Below the axis it makes things dearer.",
		.write = write_assists};

	snprintf(figure.heading, sizeof(figure.heading), "what each generation pays back (%s)",
		 figures->machine);
	return figures->take(&figure, figures->into);
}

static int take_growth(const struct figures *figures, const struct matrix *matrix)
{
	struct figure figure = {
		.results = figures->results,
		.matrix = matrix,
		.template = "growth",
		.name = "growth",
		.axis = "",
		.unit_of = "per operation",
		.caption =
			"What an operation takes natively and under one hypervisor and more, with "
			"the newest generation.  The axis is logarithmic.",
		.write = write_growth};

	snprintf(figure.heading, sizeof(figure.heading),
		 "operations by depth, newest generation (%s)", figures->machine);
	return figures->take(&figure, figures->into);
}

int figures_of_matrix(const struct figures *figures, const struct matrix *matrix)
{
	for (unsigned i = 0; i < matrix->groups; i++)
		if (take_group(figures, &matrix->group[i]) != 0)
			return -1;
	return take_assists(figures, matrix) != 0 ? -1 : take_growth(figures, matrix);
}
