#include "bench/matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATOR  " / "
#define GENERATION "generation="

/*
 * What the lowest hypervisor of this project has of a generation, and beside it; what makes it one
 * for hypervisors is no part of that.  False where it has none.
 */
static bool generation_of(const struct result_stack *stack, char *text, size_t size)
{
	const char *level = stack->notation;

	if (stack->base > 0 && strstr(level, SEPARATOR) != NULL)
		level = strstr(level, SEPARATOR) + strlen(SEPARATOR);
	const char *end = strstr(level, SEPARATOR);
	const char *found = strstr(level, GENERATION);
	if (end == NULL || found == NULL || found > end)
		return false;
	text[0] = '\0';
	for (const char *word = found + strlen(GENERATION); word < end; word += strspn(word, " ")) {
		size_t length = strcspn(word, " ");
		size_t used = strlen(text);
		if (strncmp(word, "nested=", strlen("nested=")) != 0)
			snprintf(text + used, size - used, "%s%.*s", used == 0 ? "" : " ",
				 (int)length, word);
		word += length;
	}
	return true;
}

static struct matrix_group *find_group(struct matrix *matrix, const struct result_stack *native)
{
	for (unsigned i = 0; i < matrix->groups; i++)
		if (matrix->group[i].native == native)
			return &matrix->group[i];
	if (matrix->groups == MATRIX_MAX_GROUPS)
		return NULL;
	struct matrix_group *group = &matrix->group[matrix->groups++];
	group->native = native;
	group->about = native->about;
	return group;
}

/* What the names have in common, up to the last '-' of that. */
static void shorten_name(char *name, const char *other)
{
	size_t same = 0;

	while (name[same] != '\0' && name[same] == other[same])
		same++;
	while (same > 0 && name[same] != '-')
		same--;
	if (same > 0)
		name[same] = '\0';
}

static void add_cell(struct matrix *matrix, const struct results *results,
		     const struct result_stack *stack)
{
	struct matrix_cell cell = {.stack = stack, .depth = stack->depth - stack->base};
	const struct result_stack *native = analysis_native(results, stack);

	if (!analysis_in_tables(results, stack) || native == NULL || native == stack ||
	    !generation_of(stack, cell.generation, sizeof(cell.generation)))
		return;
	struct matrix_group *group = find_group(matrix, native);
	if (group == NULL || group->cells == MATRIX_MAX_CELLS)
		return;
	if (group->cells == 0)
		memcpy(group->name, stack->name, sizeof(group->name));
	else
		shorten_name(group->name, stack->name);
	if (group->about[0] == '\0')
		group->about = stack->about;
	if (cell.depth > group->deepest)
		group->deepest = cell.depth;
	/* By depth, and of each in the order of the experiment. */
	unsigned at = group->cells++;
	for (; at > 0 && group->cell[at - 1].depth > cell.depth; at--)
		group->cell[at] = group->cell[at - 1];
	group->cell[at] = cell;
}

/* The benchmarks that every cell and the native stack have; the empty harness is none. */
static void find_benches(struct matrix_group *group)
{
	const struct result_stack *first = group->cell[0].stack;

	for (size_t i = 0; i < first->benches && group->benches < MATRIX_MAX_BENCHES; i++) {
		const char *name = first->bench[i].name;
		bool common =
			strcmp(name, "empty") != 0 && results_bench(group->native, name) != NULL;
		for (unsigned j = 1; j < group->cells; j++)
			common = common && results_bench(group->cell[j].stack, name) != NULL;
		if (!common)
			continue;
		group->bench[group->benches++] = name;
		group->native_ticks +=
			analysis_ticks(group->native, results_bench(group->native, name));
	}
}

/* Adds what the lowest hypervisor handled per operation, by reason. */
static void add_handled(const struct result_bench *bench, unsigned base, double *handled)
{
	for (size_t i = 0; i < bench->exits; i++)
		if (bench->exit[i].level == base)
			handled[bench->exit[i].reason] +=
				(double)bench->exit[i].handled_ticks / result_operations(bench);
}

static void find_most(struct matrix_cell *cell, double *handled)
{
	double all = 0;

	for (int i = 0; i < CONSOLE_REASONS; i++)
		all += handled[i];
	for (int i = 0; all > 0 && i < MATRIX_REASONS; i++) {
		unsigned most = 0;
		for (unsigned j = 1; j < CONSOLE_REASONS; j++)
			if (handled[j] > handled[most])
				most = j;
		cell->most[i].reason = (uint16_t)most;
		cell->most[i].share = handled[most] / all;
		handled[most] = 0;
	}
}

static int fill_cell(const struct matrix_group *group, struct matrix_cell *cell,
		     const struct results *results, struct vmfee_error *err)
{
	struct analysis analysis;
	double handled[CONSOLE_REASONS] = {0};
	int failed = analyse(&analysis, results, cell->stack, err);

	for (size_t i = 0; !failed && i < analysis.rows; i++) {
		const struct analysis_row *row = &analysis.row[i];
		for (unsigned j = 0; j < group->benches; j++) {
			if (strcmp(row->name, group->bench[j]) != 0)
				continue;
			cell->ticks[j] = row->ticks;
			cell->fee += row->fee;
			cell->upper += row->upper;
			for (int k = 0; k < FEE_COMPONENTS; k++)
				cell->part[k] += row->part[k];
			cell->part[FEE_TRANSITION] -= row->upper;
			add_handled(row->bench, cell->stack->base, handled);
		}
	}
	find_most(cell, handled);
	analysis_free(&analysis);
	return failed;
}

static int fill(struct matrix *matrix, const struct results *results, struct vmfee_error *err)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < matrix->groups; i++) {
		struct matrix_group *group = &matrix->group[i];
		find_benches(group);
		for (unsigned j = 0; j < group->cells; j++)
			if (fill_cell(group, &group->cell[j], results, err) != 0)
				return -1;
		if (group->cells > 1 && group->benches > 0)
			matrix->group[kept++] = *group;
	}
	matrix->groups = kept;
	return 0;
}

struct matrix *matrix_make(const struct results *results, struct vmfee_error *err)
{
	struct matrix *matrix = calloc(1, sizeof(*matrix));

	if (matrix == NULL) {
		vmfee_fail_errno(err, "generations and depths");
		return NULL;
	}
	for (size_t i = 0; i < results->stacks; i++)
		add_cell(matrix, results, &results->stack[i]);
	if (fill(matrix, results, err) == 0)
		return matrix;
	free(matrix);
	return NULL;
}

const struct matrix_cell *matrix_cell(const struct matrix *matrix, const struct result_stack *stack,
				      const struct matrix_group **group)
{
	for (unsigned i = 0; i < matrix->groups; i++)
		for (unsigned j = 0; j < matrix->group[i].cells; j++)
			if (matrix->group[i].cell[j].stack == stack) {
				*group = &matrix->group[i];
				return &matrix->group[i].cell[j];
			}
	return NULL;
}

bool matrix_shows(const struct matrix *matrix, const struct result_stack *stack)
{
	const struct matrix_group *group;
	const struct matrix_cell *cell = matrix_cell(matrix, stack, &group);

	if (cell == NULL)
		return true;
	/* Too little to show in a table of tenths. */
	if (cell->fee < 0.05)
		return false;
	for (unsigned i = 0; i < group->cells; i++) {
		const struct matrix_cell *other = &group->cell[i];
		if (other->depth == cell->depth &&
		    (other->fee > cell->fee || (other->fee == cell->fee && other < cell)))
			return false;
	}
	return true;
}

const struct matrix_cell *matrix_find(const struct matrix_group *group, const char *generation,
				      unsigned depth)
{
	for (unsigned i = 0; i < group->cells; i++)
		if (group->cell[i].depth == depth &&
		    strcmp(group->cell[i].generation, generation) == 0)
			return &group->cell[i];
	return NULL;
}

const struct matrix_cell *matrix_newest(const struct matrix_group *group, unsigned depth)
{
	const struct matrix_cell *newest = NULL;

	for (unsigned i = 0; i < group->cells; i++)
		if (group->cell[i].depth == depth)
			newest = &group->cell[i];
	return newest;
}
