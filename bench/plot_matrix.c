/*
 * The data of figures about generations and depths.
 */
#include "bench/generation.h"
#include "bench/plot_data.h"

static void write_cell(const struct matrix_cell *cell, FILE *out)
{
	fprintf(out, "%s,%u", cell->generation, cell->depth);
	for (int i = 0; i < FEE_COMPONENTS; i++)
		fprintf(out, ",%.10g", cell->part[i]);
	fprintf(out, ",%.10g\n", cell->upper);
}

unsigned plot_data_generations(const struct matrix_group *group, FILE *out)
{
	unsigned blocks = 0;

	for (unsigned i = 0; i < group->cells; i++) {
		if (i == 0 || group->cell[i].depth != group->cell[i - 1].depth) {
			fputs(blocks++ == 0 ? "" : "\n\n", out);
			fputs("generation,hypervisors", out);
			for (int j = 0; j < FEE_COMPONENTS; j++)
				fprintf(out, ",%s", fee_component_name(j));
			fputs("," MATRIX_UPPER "\n", out);
		}
		write_cell(&group->cell[i], out);
	}
	return blocks;
}

/* The cell of the oldest generation at a depth, where it has a fee to be paid back. */
static const struct matrix_cell *oldest(const struct matrix_group *group, unsigned depth)
{
	const struct matrix_cell *cell = NULL;

	for (unsigned i = 0; cell == NULL && generation_name(i) != NULL; i++)
		cell = matrix_find(group, generation_name(i), depth);
	return cell == NULL || cell->fee < 0.5 ? NULL : cell;
}

/* What each step to a later generation pays back, in shares of what the oldest one adds. */
static unsigned write_steps(const struct matrix_group *group, unsigned depth, FILE *out)
{
	const struct matrix_cell *first = oldest(group, depth), *before = NULL;

	if (first == NULL)
		return 0;
	fprintf(out, "\"%s, %u\"", group->name, depth);
	for (unsigned i = 0; generation_name(i) != NULL; i++) {
		const struct matrix_cell *cell = matrix_find(group, generation_name(i), depth);
		fputs(i == 0 ? "" : ",", out);
		if (cell != NULL && before != NULL)
			fprintf(out, "%.10g", 100 * (before->fee - cell->fee) / first->fee);
		before = cell == NULL ? before : cell;
	}
	fputc('\n', out);
	return 1;
}

unsigned plot_data_assists(const struct matrix *matrix, FILE *out)
{
	unsigned rows = 0;

	fputs("workload and hypervisors", out);
	for (unsigned i = 1; generation_name(i) != NULL; i++)
		fprintf(out, ",\"%s: %s\"", generation_name(i),
			generation_text(generation_name(i)));
	fputc('\n', out);
	for (unsigned i = 0; i < matrix->groups; i++)
		for (unsigned depth = 1; depth <= matrix->group[i].deepest; depth++)
			rows += write_steps(&matrix->group[i], depth, out);
	return rows;
}

/* A benchmark natively, and with the newest generation at each depth. */
static void write_growth(const struct matrix_group *group, unsigned bench, FILE *out)
{
	const char *name = group->bench[bench];
	double native = analysis_ticks(group->native, results_bench(group->native, name));

	if (native > 0)
		fprintf(out, "0 %.10g\n", native);
	for (unsigned depth = 1; depth <= group->deepest; depth++) {
		const struct matrix_cell *cell = matrix_newest(group, depth);
		if (cell != NULL && cell->ticks[bench] > 0)
			fprintf(out, "%u %.10g\n", depth, cell->ticks[bench]);
	}
}

unsigned plot_data_growth(const struct matrix *matrix, FILE *out)
{
	unsigned blocks = 0;

	for (unsigned i = 0; i < matrix->groups; i++) {
		const struct matrix_group *group = &matrix->group[i];
		for (unsigned j = 0; group->deepest > 1 && j < group->benches; j++) {
			fprintf(out, "%s\"%s\"\n", blocks++ == 0 ? "" : "\n\n", group->bench[j]);
			write_growth(group, j, out);
		}
	}
	return blocks;
}
